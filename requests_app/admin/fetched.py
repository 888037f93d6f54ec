"""What was fetched under a grant, as the page of the grant tells it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.paginator import Paginator
from django.utils import timezone

from requests_app.distribution.choices import Content
from requests_app.distribution.fetched import (
    Fetched,
    Holding,
    fetched,
    holdings,
    releases_held,
    running,
    start_and_length,
)
from requests_app.distribution.models import Grant
from requests_app.distribution.transfers import Transfer
from requests_app.distribution.usage import use_of

PER_PAGE: Final = 50
NAMED: Final = 20
"""How many of the files that are missing are named."""


@dataclass(frozen=True, slots=True)
class Held:
    """A release as the page tells it: what is missing is named as far as the page has room."""

    holding: Holding
    named: Sequence[Content]
    more: int


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A transfer that runs: the byte it has come to, of how many; None where nobody tells yet."""

    transfer: Transfer
    reached: int | None
    length: int


def fetched_context(grant: Grant, page: str | None) -> dict[str, Any]:
    """Returns what the page of a grant shows besides its fields; `page` of what was fetched."""
    now, found = timezone.now(), fetched(grant)
    newest = sorted(found, key=lambda each: each.last_at, reverse=True)
    return {
        "held": [_held(each) for each in holdings(releases_held(grant, found, now), found)],
        "sums": sums(found),
        "under_way": [_under_way(row) for row in running(grant)],
        "use": use_of(grant, now),
        "fetched": Paginator(newest, PER_PAGE).get_page(page),
        "links": [(link, link.is_open(now)) for link in grant.links.defer("secret_sha256")],
        "tokens": [
            (token, token.is_open(now)) for token in grant.access_tokens.defer("secret_sha256")
        ],
    }


def sums(found: Sequence[Fetched]) -> dict[str, int]:
    """Returns how many things are complete, in part, and not known, and the bytes that arrived."""
    complete = sum(each.is_complete for each in found)
    untold = sum(bool(each.untold) and not each.is_complete for each in found)
    return {
        "complete": complete,
        "untold": untold,
        "partial": len(found) - complete - untold,
        "bytes": sum(each.covered for each in found),
    }


def _held(holding: Holding) -> Held:
    named = holding.missing[:NAMED]
    return Held(holding, named, len(holding.missing) - len(named))


def _under_way(row: Transfer) -> UnderWay:
    start, length = start_and_length(row.range, row.promised)
    return UnderWay(row, None if row.bytes_sent is None else start + row.bytes_sent, length)
