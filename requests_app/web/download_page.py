"""What the page of a download link shows: releases, a chooser of classes, commands to copy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from requests_app.datasets.card import Card, card_from
from requests_app.datasets.models import Release
from requests_app.distribution.choices import CLASS, NOTHING, SPLIT, WHOLE, Choice, Content
from requests_app.distribution.models import DownloadLink, ManifestSignature
from requests_app.distribution.packages import Package, package_of
from requests_app.errors import Invalid, NotFound
from requests_app.web.bars import bars_of
from requests_app.web.commands import Command, commands
from requests_app.web.file_lists import below

RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Row:
    """How many clips of one class or split there are, and how many bytes they have together."""

    key: str
    name: str
    count: int
    size: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """One release, or what was chosen of it, as the page offers it. URLs absolute, sizes in bytes.

    `cells` is (class, split, clips, bytes) of the whole release: what the page's script adds up.
    """

    release: Release
    package: Package
    choice: Choice
    fault: str
    zip_url: str
    tar_url: str
    manifest_url: str
    urls_url: str
    signature_url: str
    listing_url: str
    classes: list[Row]
    splits: list[Row]
    cells: list[list[object]]
    others: list[tuple[Content, str]]
    commands: list[Command]

    @property
    def cells_id(self) -> str:
        """The id of the element that holds `cells`."""
        return f"cells-{self.release.pk}"

    @property
    def clips(self) -> int:
        """How many clips are chosen."""
        return sum(1 for each in self.package.contents if each.label)


def page_context(
    request: HttpRequest, link: DownloadLink, releases: list[Release], now: datetime
) -> dict[str, Any]:
    """Template context of `web/download.html`.

    The query string may hold what was chosen of one release: `release`, `class` and `split`.
    """
    card = card_from(link.grant.dataset.card)
    signed = set(
        ManifestSignature.objects.filter(release__in=releases).values_list("release_id", flat=True)
    )
    held, downloads = bars_of(link.grant, releases)
    return {
        "link": link,
        "grant": link.grant,
        "card": card,
        "offers": [
            (_offer(request, release, card, signed=release.pk in signed), bar)
            for release, bar in zip(releases, held, strict=True)
        ],
        "downloads": downloads,
        "is_synthetic": any(release.is_synthetic for release in releases),
        "is_holder": link.grant.applicant_id == request.user.pk,
        "client_url": request.build_absolute_uri(reverse("client")),
        "now": now,
    }


def _offer(request: HttpRequest, release: Release, card: Card, *, signed: bool) -> Offer:
    whole = package_of(release)
    choice, fault = _chosen(request.GET, release, whole.contents)
    package = package_of(release, choice)
    zip_url, tar_url = (
        below(request, release, form, package.name, choice=choice) for form in ("zip", "tar")
    )
    manifest_url, urls_url = (
        below(request, release, what, choice=choice) for what in ("manifest", "urls")
    )
    names = {each.key: each.name for each in card.classes}
    clips = [each for each in whole.contents if each.label]
    return Offer(
        release=release,
        package=package,
        choice=choice,
        fault=fault,
        zip_url=zip_url,
        tar_url=tar_url,
        manifest_url=manifest_url,
        urls_url=urls_url,
        signature_url=below(request, release, "signature") if signed else "",
        listing_url=below(request, release, "listing"),
        classes=_rows([(each.label, each.size) for each in clips], names, choice.classes),
        splits=_rows([(each.split, each.size) for each in clips if each.split], {}, choice.splits),
        cells=_cells(clips),
        others=[
            (each, below(request, release, "file", each.path))
            for each in whole.contents
            if not each.label
        ],
        commands=commands(request, package, choice, zip_url, urls_url),
    )


def _chosen(query: QueryDict, release: Release, contents: Sequence[Content]) -> tuple[Choice, str]:
    """The choice that the page's form sent for this release, and what is wrong with it if so.

    The form ticks everything at first: all of it is the whole release, and nothing is a fault.
    """
    if query.get(RELEASE) != release.version:
        return WHOLE, ""
    classes, splits = set(query.getlist(CLASS)), set(query.getlist(SPLIT))
    known = {each.label for each in contents if each.label}
    known_splits = {each.split for each in contents if each.split}
    if not classes or (known_splits and not splits):
        return WHOLE, NOTHING
    choice = Choice(
        () if classes >= known else tuple(sorted(classes)),
        () if splits >= known_splits else tuple(sorted(splits)),
    )
    try:
        package_of(release, choice)
    except (Invalid, NotFound) as error:
        return WHOLE, error.message
    return choice, ""


def _rows(
    found: Sequence[tuple[str, int]], names: dict[str, str], chosen: tuple[str, ...]
) -> list[Row]:
    """One row for each key, those of the card first and in its order."""
    sizes: dict[str, list[int]] = {}
    for key, size in found:
        sizes.setdefault(key, []).append(size)
    ordered = [key for key in names if key in sizes] + sorted(sizes.keys() - names.keys())
    return [
        Row(key, names.get(key, key), len(sizes[key]), sum(sizes[key]), key in (chosen or ordered))
        for key in ordered
    ]


def _cells(clips: Sequence[Content]) -> list[list[object]]:
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for each in clips:
        key = (each.label, each.split or "")
        count, size = sums.get(key, (0, 0))
        sums[key] = (count + 1, size + each.size)
    return [[*key, *tally] for key, tally in sums.items()]
