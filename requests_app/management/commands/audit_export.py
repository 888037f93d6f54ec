"""`manage.py audit_export FILE`: the audit log, or a part of it, as JSON Lines or CSV."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from requests_app.audit import exporting, log
from requests_app.audit.kinds import KINDS
from requests_app.management.command import PortalCommand


class Command(PortalCommand):
    help = "Export entries with their personal values. The export is itself an entry."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", type=_target, help="ends in .jsonl or .csv")
        parser.add_argument("--since", metavar="DAY", type=_day, help="from this day on (UTC)")
        parser.add_argument("--until", metavar="DAY", type=_day, help="before this day (UTC)")
        parser.add_argument("--kind", default="", choices=sorted(KINDS), metavar="KIND")
        parser.add_argument("--trail", default="", help="such as access_request:<id>")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        target: Path = options["file"]
        form = target.suffix.removeprefix(".")
        asked = {name: options[name] for name in ("since", "until", "kind", "trail")}
        entries = exporting.chosen(**asked)
        query = "&".join(f"{name}={value}" for name, value in asked.items() if value)
        exporting.record_export(by=log.OPERATOR, form=form, count=entries.count(), query=query)
        with self.progress("Exporting") as progress:
            count = exporting.export_to(target, entries, form, progress=progress)
        return {"file": str(target), "format": form, "entries": count}

    def describe(self, result: dict[str, Any]) -> str:
        return f"{result['entries']:,} entries are in {result['file']}."


def _target(text: str) -> Path:
    path = Path(text)
    if path.suffix.removeprefix(".") not in exporting.MEDIA_TYPES:
        raise argparse.ArgumentTypeError("the file's name must end in .jsonl or .csv")
    if path.exists():
        raise argparse.ArgumentTypeError(f"there is a file {text} already")
    return path


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise argparse.ArgumentTypeError("write a day as 2026-01-31") from error
