"""`manage.py revoke_seal_key NUMBER --from DATE --reason TEXT`: a key is in other hands."""

import argparse
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser

from requests_app.agreements import certificates
from requests_app.agreements.evidence import format_instant
from requests_app.agreements.seal_revoking import revoke, sealed_since
from requests_app.audit import log
from requests_app.management.command import PortalCommand


class Command(PortalCommand):
    help = (
        "Declare a certificate of the seal invalid from some time on, because its key is or may be"
        " in other hands. It is published, nothing is sealed with it any more, and its seals count"
        " only where they are shown to be older. This cannot be taken back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "certificate",
            metavar="NUMBER",
            help="its serial number or SHA-256, as /verify/ shows them",
        )
        parser.add_argument(
            "--from",
            dest="since",
            metavar="DATE",
            type=_instant,
            required=True,
            help="since when the key may be in other hands, in doubt the earlier time: 2026-11-03,"
            " or 2026-11-03T14:30, in UTC",
        )
        parser.add_argument("--reason", required=True, help="why, in a sentence that is published")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        row = revoke(
            certificate=options["certificate"],
            since=options["since"],
            reason=options["reason"],
            by=log.OPERATOR,
        )
        newest = certificates.history().first()
        return {
            "serial": row.certificate.serial,
            "certificate_sha256": row.certificate.sha256,
            "invalid_from": format_instant(row.invalid_from),
            "is_the_newest": row.certificate == newest,
            "sealed_since": sealed_since(row),
        }

    def describe(self, result: dict[str, Any]) -> str:
        lines = [
            f"Certificate {result['serial']} is invalid as of {result['invalid_from']}. This is"
            " published, and nothing is sealed with it any more."
        ]
        if result["is_the_newest"]:
            lines.append(
                "It is the last one that sealed: what waits is sealed when there is a new key"
                " (rotate_seal_key)."
            )
        if since := result["sealed_since"]:
            lines.append(f"The portal itself sealed with it since then: {', '.join(since)}.")
            lines.append(
                "Nobody can tell these from forgeries by the seal alone. Those of a grant that were"
                " not countersigned yet are countersigned with the new key, which covers them."
            )
        return "\n".join(lines)


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is no date such as 2026-11-03") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
