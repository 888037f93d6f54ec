"""`manage.py audit_verify`: recompute the audit log and hold it to every checkpoint."""

import argparse
import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from requests_app.audit import erasure, outsider, verifying
from requests_app.management.command import PortalCommand, Stopped, existing_file


class Command(PortalCommand):
    help = "Recompute the audit log from its rows to every checkpoint; name the first bad entry."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--from",
            dest="trusted",
            metavar="CHECKPOINT_FILE",
            type=checkpoint_note,
            help="only what follows this checkpoint, which you kept and trust",
        )
        parser.add_argument(
            "--key", type=log_key, help="the log's public key as you kept it (/log/key)"
        )

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        try:
            with self.progress("Verifying") as progress:
                found = verifying.verify(
                    trusted=options["trusted"], key=options["key"], progress=progress
                )
            _require_explained()
        except outsider.Wrong as error:
            if options["json"]:
                self.stdout.write(json.dumps({"holds": False, "why": str(error)}, indent=2))
            raise Stopped(f"The log does not hold. {error}", returncode=1) from error
        return {"holds": True, **asdict(found)}

    def describe(self, result: dict[str, Any]) -> str:
        return (
            f"The log holds: {result['entries']:,} entries recomputed, "
            f"{result['checkpoints']:,} checkpoints checked, {result['waiting']:,} entries wait. "
            + (
                "The newest checkpoint is the one signed last."
                if result["note_kept"]
                else "No note of the checkpoint signed last is kept here: whether newer ones were "
                "deleted is told by a checkpoint that was kept elsewhere (--from)."
            )
        )


def _require_explained() -> None:
    """Raises outsider.Wrong when personal values went without an entry that says so."""
    missing = erasure.missing_unexplained()
    if missing:
        raise outsider.Wrong(
            f"{missing:,} personal values are gone, and no entry says that they were erased."
            if missing > 0
            else f"Entries say that {-missing:,} more personal values were erased than are gone."
        )


def checkpoint_note(path: str) -> str:
    """Argument type: a file with a signed checkpoint, as text."""
    try:
        return existing_file(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise argparse.ArgumentTypeError(f"{path} is not a checkpoint: no text in UTF-8") from error


def log_key(text: str) -> str:
    """Argument type: a public key of a log (vkey)."""
    try:
        return str(outsider.parse_key(text))
    except outsider.Wrong as error:
        raise argparse.ArgumentTypeError(str(error)) from error
