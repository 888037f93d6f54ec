"""`manage.py audit_verify`: recompute the audit log and hold it to every checkpoint."""

import argparse
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from requests_app.audit import outsider, verifying
from requests_app.management.command import PortalCommand, Stopped, existing_file


class Command(PortalCommand):
    help = "Recompute the audit log from its rows to every checkpoint; name the first bad entry."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--from",
            dest="trusted",
            metavar="CHECKPOINT_FILE",
            type=existing_file,
            help="only what follows this checkpoint, which you kept and trust",
        )
        parser.add_argument(
            "--key", type=log_key, help="the log's public key as you kept it (/log/key)"
        )

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        trusted = options["trusted"] and options["trusted"].read_text(encoding="utf-8")
        try:
            with self.progress("Verifying") as progress:
                found = verifying.verify(trusted=trusted, key=options["key"], progress=progress)
        except outsider.Wrong as error:
            raise Stopped(f"The log does not hold. {error}", returncode=1) from error
        return asdict(found)

    def describe(self, result: dict[str, Any]) -> str:
        return (
            f"The log holds: {result['entries']:,} entries recomputed, "
            f"{result['checkpoints']:,} checkpoints checked, {result['waiting']:,} entries wait."
        )


def log_key(text: str) -> str:
    """Argument type: a public key of a log (vkey)."""
    try:
        return str(outsider.parse_key(text))
    except outsider.Wrong as error:
        raise argparse.ArgumentTypeError(str(error)) from error
