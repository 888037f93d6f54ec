"""`manage.py rotate_seal_key [--folder DIR]`: a new key for the seal."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from requests_app.agreements import certificates, key_making
from requests_app.audit import log
from requests_app.management.command import PortalCommand


class Command(PortalCommand):
    help = (
        "Make a new key for the seal in place of the one that seals now; agreements sealed before"
        " stay verifiable. With --folder, make it there and change nothing else: for installations"
        " that give the portal its key as a file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--folder",
            metavar="DIR",
            type=Path,
            help="where the new key goes; a root that is there issues its certificate",
        )

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        folder = options["folder"]
        if folder is not None:
            key_making.replace(folder)
            return {
                "key": str(folder / key_making.SEAL_FILE),
                "root": str(folder / key_making.ROOT_FILE),
            }
        row = certificates.rotate(by=log.OPERATOR)
        return {
            "certificate_sha256": row.sha256,
            "subject": row.subject,
            "valid_until": row.valid_until.isoformat(),
        }

    def describe(self, result: dict[str, Any]) -> str:
        if "key" in result:
            return (
                f"New key, certificate and chain: {result['key']}. CMED_SEAL_KEY_FILE names it.\n"
                f"Root: {result['root']}. Its private key is needed for the next certificate only:"
                " keep it where the portal cannot reach it."
            )
        return (
            f"Agreements are sealed with a new key from now on: {result['subject']}, valid until"
            f" {result['valid_until'][:10]}.\nSHA-256 of its certificate:"
            f" {result['certificate_sha256']}"
        )
