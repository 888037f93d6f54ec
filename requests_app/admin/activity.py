"""How much happened, week by week, counted from the log."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db.models import Count
from django.db.models.functions import TruncWeek
from django.utils import timezone

from requests_app.audit import kinds
from requests_app.audit.models import Entry

WEEKS: Final = 26
HEIGHT: Final = 40
"""Of the tallest bar, in the units of the drawing."""

# What is counted together, under the words of its row.
GROUPS: Final[dict[str, frozenset[str]]] = {
    "Requests signed": frozenset({kinds.AGREEMENT_SIGNED}),
    "Decisions": frozenset(
        {kinds.REQUEST_APPROVED, kinds.REQUEST_RETURNED, kinds.REQUEST_REJECTED}
    ),
    "Files and archives handed out": frozenset({kinds.FILE_DOWNLOADED, kinds.ARCHIVE_DOWNLOADED}),
    "Downloads refused": frozenset({kinds.LINK_REFUSED, kinds.TOKEN_REFUSED}),
    "Sign-ins refused": frozenset({kinds.SIGN_IN_FAILED}),
    "Looks and exports by staff": frozenset(
        {kinds.STAFF_LOOKED, kinds.DOCUMENT_OPENED, kinds.LOG_EXPORTED}
    ),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One week: its Monday, how often, and where the bar stands in a drawing `HEIGHT` high."""

    monday: date
    count: int
    x: int
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Group:
    """One row of the page: what was counted, the weeks from old to new, and their sum."""

    words: str
    bars: list[Bar]
    total: int
    most: int


def activity() -> list[Group]:
    """Returns each group's weeks, the present one last. One query."""
    today = timezone.now().astimezone(UTC).date()
    first = today - timedelta(days=today.weekday(), weeks=WEEKS - 1)
    mondays = [first + timedelta(weeks=week) for week in range(WEEKS)]
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    rows = (
        Entry.objects.filter(at__gte=since, kind__in=frozenset().union(*GROUPS.values()))
        .order_by()
        .annotate(week=TruncWeek("at", tzinfo=UTC))
        .values_list("week", "kind")
        .annotate(count=Count("pk"))
    )
    counted = {(week.date(), kind): count for week, kind, count in rows}
    return [_group(words, members, mondays, counted) for words, members in GROUPS.items()]


def _group(
    words: str,
    members: frozenset[str],
    mondays: list[date],
    counted: dict[tuple[date, str], int],
) -> Group:
    counts = [sum(counted.get((monday, kind), 0) for kind in members) for monday in mondays]
    most = max(counts)
    # One that happened at all is seen, however much happened in other weeks.
    heights = [max(1, HEIGHT * count // most) if count else 0 for count in counts]
    bars = [
        Bar(monday, count, 10 * index, HEIGHT - height, height)
        for index, (monday, count, height) in enumerate(zip(mondays, counts, heights, strict=True))
    ]
    return Group(words, bars, sum(counts), most)
