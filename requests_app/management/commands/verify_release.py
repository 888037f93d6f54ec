"""`manage.py verify_release DATASET VERSION`: is what is stored what was published?"""

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from requests_app.audit import log
from requests_app.datasets.models import Release
from requests_app.distribution.verifying import Difference, Kind, verify_release
from requests_app.management.command import PortalCommand, Stopped


class Command(PortalCommand):
    help = "Hash every stored file of a release again. Exit code 0: all as published, 1: not."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("dataset", metavar="DATASET", help="its slug, such as cmed")
        parser.add_argument("release", metavar="VERSION", help="such as 1.0")

    def handle(self, *args: Any, **options: Any) -> None:
        self._differences: list[Difference] = []
        super().handle(*args, **options)
        if self._differences:
            raise Stopped("What is stored is not what was published.", returncode=1)

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        slug, version = options["dataset"], options["release"]
        found = Release.objects.filter(dataset__slug=slug, version=version).first()
        if found is None:
            raise Stopped(f"There is no release {version} of “{slug}”.", returncode=2)
        with self.progress("Verifying") as progress:
            self._differences = verify_release(release=found, by=log.OPERATOR, progress=progress)
        return {
            "dataset": slug,
            "version": version,
            "files": found.file_count,
            "bytes": found.total_bytes,
            "manifest_sha256": found.manifest_sha256,
            "differences": [asdict(each) for each in self._differences],
        }

    def describe(self, result: dict[str, Any]) -> str:
        read = f"{result['files']:,} files, {result['bytes']:,} bytes"
        if not self._differences:
            return f"Release {result['version']} of {result['dataset']} is as published: {read}."
        lines = [f"Release {result['version']} of {result['dataset']}, {read}:"]
        return "\n".join(lines + [f"  {_sentence(each)}" for each in self._differences])


def _sentence(difference: Difference) -> str:
    expected, found = difference.expected, difference.found
    told = {
        Kind.MISSING: "is missing",
        Kind.SIZE: f"has {found} bytes instead of {expected}",
        Kind.CHANGED: f"was changed: SHA-256 {found} instead of {expected}",
        Kind.UNREADABLE: f"cannot be read: {found}",
        Kind.EXTRA: f"belongs to no release ({found} bytes)",
    }
    return f"{difference.path} {told[difference.kind]}"
