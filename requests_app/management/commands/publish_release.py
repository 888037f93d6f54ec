"""`manage.py publish_release DIR --dataset SLUG --version V`: publish a folder as a release."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from requests_app.audit import log
from requests_app.datasets.models import Dataset
from requests_app.distribution.publishing import check_version, publish_release
from requests_app.management.command import PortalCommand, Stopped, checked, existing_folder


class Command(PortalCommand):
    help = "Publish a folder of clips with its labels.csv as an immutable release."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Django gives every command a --version that prints Django's own: ours replaces it.
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("folder", metavar="DIR", type=existing_folder, help="what to publish")
        parser.add_argument("--dataset", metavar="SLUG", required=True, help="whose release it is")
        parser.add_argument(
            "--version", metavar="V", required=True, type=checked(check_version), help="such as 1.0"
        )
        parser.add_argument(
            "--synthetic", action="store_true", help="demo data: every page will say so"
        )

        parser.add_argument(
            "--replace",
            action="store_true",
            help="object store only: replace what an attempt that never ended left there",
        )

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        slug = options["dataset"]
        found = Dataset.objects.filter(slug=slug).first()
        if found is None:
            raise Stopped(
                f"There is no dataset “{slug}”; load its card with load_dataset first.",
                returncode=2,
            )
        with self.progress("Publishing") as progress:
            release = publish_release(
                dataset=found,
                version=options["version"],
                folder=options["folder"],
                is_synthetic=options["synthetic"],
                replace=options["replace"],
                by=log.OPERATOR,
                progress=progress,
            )
        return {
            "dataset": found.slug,
            "version": release.version,
            "files": release.file_count,
            "bytes": release.total_bytes,
            "manifest_sha256": release.manifest_sha256,
            "synthetic": release.is_synthetic,
        }

    def describe(self, result: dict[str, Any]) -> str:
        return (
            f"Release {result['version']} of {result['dataset']} is published:"
            f" {result['files']:,} files, {result['bytes']:,} bytes.\n"
            f"SHA-256 of manifest.sha256: {result['manifest_sha256']}"
        )
