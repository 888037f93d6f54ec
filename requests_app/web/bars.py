"""What was fetched so far, as bars with words beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.template.defaultfilters import filesizeformat

from requests_app.audit import kinds
from requests_app.datasets.models import Release
from requests_app.distribution.fetched import (
    Fetched,
    Holding,
    fetched,
    holdings,
    running,
    start_and_length,
)
from requests_app.distribution.models import Grant
from requests_app.distribution.transfers import How, Transfer

MOST_BARS: Final = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar and the words beside it; `id` is stable, `value` of `maximum` bytes."""

    id: str
    label: str
    text: str
    value: int
    maximum: int


def of_release(holding: Holding) -> Bar:
    """How much of one release was fetched."""
    release = holding.release
    if holding.fault:
        text = "cannot be counted at the moment"
    elif holding.is_complete:
        text = f"complete: {_files(release.file_count)}, {filesizeformat(release.total_bytes)}"
    else:
        text = (
            f"{intcomma(holding.complete)} of {_files(release.file_count)},"
            f" {filesizeformat(holding.covered)} of {filesizeformat(release.total_bytes)}"
        )
        if holding.untold:
            text += f"; how much arrived of {_files(holding.untold)} more is not known"
    return Bar(
        f"held-{release.pk}",
        f"Fetched of release {release.version}",
        text,
        holding.covered,
        release.total_bytes,
    )


def of_transfers(found: Sequence[Fetched], under_way: Sequence[Transfer]) -> list[Bar]:
    """What runs now, the newest first, and archives that were broken off; `MOST_BARS` at most."""
    seen = {(row.name, row.digest) for row in under_way}
    left = [
        each
        for each in found
        if each.kind == kinds.ARCHIVE_DOWNLOADED
        and 0 < each.covered < each.length
        and (each.name, each.digest) not in seen
    ]
    bars = [_running(row) for row in under_way] + [_broken_off(each) for each in left]
    return bars[:MOST_BARS]


def bars_of(grant: Grant, releases: Sequence[Release]) -> tuple[list[Bar], list[Bar]]:
    """A bar for each of the releases, in their order, and those of single downloads."""
    found = fetched(grant)
    whole = [of_release(holding) for holding in holdings(releases, found)]
    return whole, of_transfers(found, running(grant))


def _running(row: Transfer) -> Bar:
    start, length = start_and_length(row.range, row.promised)
    reached = start + (row.bytes_sent or 0)
    if row.how == How.PORTAL and row.bytes_sent:
        text = f"running, {filesizeformat(reached)} of {filesizeformat(length)}"
    else:
        text = f"running, {filesizeformat(row.promised)} asked for"
    return Bar(f"run-{row.pk}", f"{row.name}, release {row.release}", text, reached, length)


def _broken_off(each: Fetched) -> Bar:
    text = f"broken off, {filesizeformat(each.covered)} of {filesizeformat(each.length)} arrived"
    label = f"{each.name}, release {each.release}"
    return Bar(f"part-{each.digest[:16]}", label, text, each.covered, each.length)


def _files(count: int) -> str:
    return f"{intcomma(count)} file{'' if count == 1 else 's'}"
