"""How much a grant has used of its limits: transfers that run, and bytes of a day of UTC."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    F,
    OuterRef,
    QuerySet,
    Subquery,
    Sum,
    When,
)
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThan

from requests_app import conf
from requests_app.distribution.models import Grant
from requests_app.distribution.policy import Limits, limits_of
from requests_app.distribution.transfers import (
    UNCOUNTED,
    DailyUse,
    byte_count,
    day_of,
    lasting,
    unsettled,
)


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a grant's limits is taken: transfers that run, and bytes of this day of UTC.

    `bytes_promised` is what runs at most, and what has ended without anybody telling yet.
    """

    limits: Limits
    running: int
    bytes_used: int
    bytes_promised: int = 0

    @property
    def bytes_today(self) -> int:
        """What counts of this day."""
        return self.bytes_used + self.bytes_promised


def use_of(grant: Grant, now: datetime) -> Use:
    """What a grant has used of its limits by now. One query."""
    row: Any = (
        Grant.objects.filter(pk=grant.pk)
        .select_related("dataset__download_policy")
        .annotate(**use_columns(day_of(now), byte_count(own_most()), "pk"))
        .defer("dataset__card")
        .get()
    )
    return used(row, row)


def use_columns(day: Any, most: Any, grant: str = "grant") -> dict[str, Any]:
    """What a grant has used of its limits that day, to annotate rows where `grant` is its key.

    What is promised is added up only where bytes are limited: to `most` a day, or by the dataset.
    """
    its = {"grant": OuterRef(grant)}
    data = unsettled().filter(**its).exclude(kind__in=UNCOUNTED).order_by().values("grant")
    runs = lasting().filter(**its).order_by().values("grant")
    today = DailyUse.objects.filter(**its, day=day)
    of_dataset = f"{'' if grant == 'pk' else 'grant__'}dataset__download_policy__bytes_per_day"
    promised = _number(data.annotate(found=Sum("promised")))
    limit = Coalesce(F(of_dataset), most, output_field=BigIntegerField())
    return {
        "running": _number(runs.annotate(found=Count("pk"))),
        "bytes_promised": Case(When(GreaterThan(limit, 0), then=promised), default=0),
        "bytes_used": _number(today.values(found=F("bytes"))),
    }


def own_most() -> int:
    """Bytes that a grant may fetch in a day where its dataset says nothing; 0: no limit."""
    return conf.download_limits().bytes_per_day


def used(row: Any, grant: Grant) -> Use:
    """From a row with `use_columns`."""
    limits = limits_of(getattr(grant.dataset, "download_policy", None))
    return Use(limits, row.running, row.bytes_used, row.bytes_promised)


def _number(found: QuerySet[Any, Any]) -> Coalesce:
    return Coalesce(Subquery(found.values("found")), 0, output_field=BigIntegerField())
