"""`manage.py seed_demo`: the demo dataset, its synthetic release, and accounts to try it with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

import requests_app.datasets
from requests_app.audit import log
from requests_app.distribution.demo import accounts_file, seed_demo
from requests_app.management.command import PortalCommand, existing_file


def shipped_card() -> Path:
    """The card that comes with the portal."""
    return min((Path(requests_app.datasets.__file__).parent / "cards").glob("*.toml"))


class Command(PortalCommand):
    help = "Load the demo: a dataset with synthetic clips, and accounts. Safe to run again."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--card", type=existing_file, help="instead of the card shipped")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        with self.progress("Making the demo data") as progress:
            seeded = seed_demo(
                card_path=options["card"] or shipped_card(), by=log.OPERATOR, progress=progress
            )
        return {
            "dataset": seeded.dataset.slug,
            "version": seeded.release.version,
            "files": seeded.release.file_count,
            "bytes": seeded.release.total_bytes,
            "manifest_sha256": seeded.release.manifest_sha256,
            "synthetic": seeded.release.is_synthetic,
            "changed": seeded.changed,
            "accounts": [{"role": a.role, "email": a.email} for a in seeded.accounts],
            "accounts_file": str(accounts_file()),
        }

    def describe(self, result: dict[str, Any]) -> str:
        kind = "synthetic" if result["synthetic"] else "NOT synthetic"
        return (
            f"{'Made' if result['changed'] else 'There already'}: release {result['version']} of"
            f" {result['dataset']} ({kind}), {result['files']:,} files, {result['bytes']:,} bytes;"
            f" {len(result['accounts'])} accounts, their passwords in {result['accounts_file']}."
        )
