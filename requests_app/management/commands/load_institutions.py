"""`manage.py load_institutions FILE`: institutions from a CSV file or from ROR's dump."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from requests_app.audit import log
from requests_app.identity import institution_files, institutions
from requests_app.management.command import PortalCommand, existing_file


class Command(PortalCommand):
    help = (
        "Load institutions' e-mail domains: a CSV file (domain,name,standing with standing one of"
        " listed, allow, deny), or the .json file of a ROR data dump, schema version 2."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", type=existing_file, help="a .csv or .json file")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        with self.progress("Reading institutions") as bar:
            batch = institution_files.read(options["file"], tell=bar)
        return asdict(institutions.load(batch=batch, by=log.OPERATOR))

    def describe(self, result: dict[str, Any]) -> str:
        counts = ", ".join(
            f"{result[name]:,} {name}" for name in ("added", "changed", "unchanged", "kept")
        )
        skipped = "".join(f"\n  skipped {n:,}: {why}" for why, n in result["skipped"].items())
        return f"{result['source']}: {counts}.{skipped}"
