"""What the page of a download link shows: releases, classes, and commands to copy."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse

from requests_app.datasets.card import card_from
from requests_app.datasets.manifest import MANIFEST
from requests_app.datasets.models import File, Release
from requests_app.distribution.access import fetchable_files
from requests_app.distribution.models import DownloadLink
from requests_app.distribution.packages import package_of

_PLAIN: Final = "!$&'()*+,;=/~:@"
"""What stands in a path as it is (RFC 3986 section 3.3), the same as for `reverse`."""


@dataclass(frozen=True, slots=True)
class Row:
    """How many files of one class there are, and how many bytes they have together."""

    name: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Command:
    """A command to copy into a terminal; `id` is unique on the page."""

    id: str
    caption: str
    text: str


@dataclass(frozen=True, slots=True)
class Offer:
    """One release as the page offers it. URLs are absolute, sizes in bytes."""

    release: Release
    name: str
    archive_url: str
    archive_size: int
    manifest_url: str
    urls_url: str
    classes: list[Row]
    others: list[tuple[File, str]]
    commands: list[Command]


def page_context(
    request: HttpRequest, link: DownloadLink, releases: list[Release], now: datetime
) -> dict[str, Any]:
    """Template context of `web/download.html`; four queries, however many releases there are."""
    card = card_from(link.grant.dataset.card)
    files = fetchable_files(link.grant, now)
    tallies = list(
        files.exclude(label="")
        .order_by()
        .values("release_id", "label")
        .annotate(count=Count("pk"), size=Sum("size"))
    )
    others = list(files.filter(label="").order_by("path"))
    names = {clip_class.key: clip_class.name for clip_class in card.classes}
    offers = []
    for release in releases:
        found = {t["label"]: t for t in tallies if t["release_id"] == release.pk}
        ordered = [key for key in names if key in found] + sorted(found.keys() - names.keys())
        rows = [
            Row(names.get(key, key), found[key]["count"], found[key]["size"]) for key in ordered
        ]
        offers.append(
            _offer(request, release, rows, [f for f in others if f.release_id == release.pk])
        )
    holder = link.grant.applicant_id == request.user.pk
    return {
        "link": link,
        "grant": link.grant,
        "card": card,
        "offers": offers,
        "is_synthetic": any(release.is_synthetic for release in releases),
        "is_holder": holder,
        "now": now,
    }


def urls_file(request: HttpRequest, release: Release, files: QuerySet[File]) -> bytes:
    """The aria2 input file of a release: for each file its URL, where it goes, and its digest."""
    name = package_of(release).name
    rows = files.filter(release=release).order_by("path").values_list("path", "sha256")
    # Thousands of addresses with one beginning: reversing each would take a second.
    beginning = _below(request, release, "file", "x").removesuffix("x")
    manifest = [(MANIFEST, _below(request, release, "manifest"), release.manifest_sha256)]
    listed = [(path, beginning + quote(path, safe=_PLAIN), digest) for path, digest in rows]
    return "".join(_aria2(name, [*manifest, *listed])).encode()


def _aria2(folder: str, items: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    for path, url, digest in items:
        yield f"{url}\n  out={folder}/{path}\n  checksum=sha-256={digest}\n"


def _offer(request: HttpRequest, release: Release, classes: list[Row], others: list[File]) -> Offer:
    package = package_of(release)
    archive_url = _below(request, release, "archive", package.name)
    manifest_url, urls_url = (_below(request, release, what) for what in ("manifest", "urls"))
    return Offer(
        release=release,
        name=package.name,
        archive_url=archive_url,
        archive_size=package.archive.length,
        manifest_url=manifest_url,
        urls_url=urls_url,
        classes=classes,
        others=[(file, _below(request, release, "file", file.path)) for file in others],
        commands=_commands(package.name, archive_url, urls_url),
    )


def _commands(name: str, archive_url: str, urls_url: str) -> list[Command]:
    ident = name.replace(".", "-")
    return [
        Command(f"wget-{ident}", "wget: the whole release; run it again to continue",
                f"wget -c '{archive_url}'"),
        Command(f"curl-{ident}", "curl: the same",
                f"curl -f -C - --retry 20 -o '{name}.zip' '{archive_url}'"),
        Command(f"aria2-{ident}", "aria2: the same over four connections",
                f"aria2c -c -x 4 -s 4 -o '{name}.zip' '{archive_url}'"),
        Command(f"aria2-files-{ident}", "aria2: every file by itself, each checked as it arrives",
                f"curl -f -o urls.txt '{urls_url}'\naria2c -c -j 8 -i urls.txt"),
        Command(f"check-{ident}", "Unpack and check every file",
                f"unzip -q '{name}.zip' && cd '{name}' && sha256sum --quiet -c {MANIFEST}"),
    ]  # fmt: skip


def _below(request: HttpRequest, release: Release, what: str, *names: str) -> str:
    """The absolute URL of something of one release, below the link of this request."""
    token = request.resolver_match.kwargs["token"] if request.resolver_match else ""
    version = () if what == "archive" else (release.version,)
    path = reverse(f"release_{what}", args=[token, *version, *names])
    return request.build_absolute_uri(path)
