"""Which agreement a grant stands on, and whether its holder had to sign a newer version by now.

A campaign binds every grant of its dataset that stands on an older version; a grant that began
later than the campaign has at least `NOTICE` from its own beginning. Everything is derived from
campaigns, agreements and reconsents: there is no state to fall out of step.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import (
    BooleanField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce

from requests_app.agreements.models import Agreement
from requests_app.distribution.models import Grant, Reconsent, ReconsentCampaign

NOTICE: Final = timedelta(days=14)
"""The least time between being asked and being suspended."""


def stands_on(grant: Grant) -> Agreement:
    """Returns the agreement that binds now: the one signed last for this grant."""
    newest = grant.reconsents.select_related("agreement__text").first()
    return newest.agreement if newest else grant.agreement


def due_at(campaign: ReconsentCampaign, grant: Grant) -> datetime:
    """Returns the instant from which the grant is suspended unless its holder has signed."""
    return max(campaign.deadline, grant.starts_at + NOTICE)


def unmet_campaign(grant: Grant) -> ReconsentCampaign | None:
    """Returns the campaign that asks this grant's holder to sign, the first to end; None if none.

    It is asked for its version or any later one, so signing the version in force meets them all.
    """
    number = stands_on(grant).text.number
    newer = ReconsentCampaign.objects.filter(
        text__dataset=grant.dataset_id, text__number__gt=number
    )
    return newer.select_related("text").order_by("deadline", "pk").first()


def is_suspended(grant: Grant, now: datetime) -> bool:
    """Whether a deadline has passed without the holder's signature. Two queries."""
    campaign = unmet_campaign(grant)
    return campaign is not None and due_at(campaign, grant) <= now


def suspended(now: datetime, grant: str = "") -> Q:
    """The twin of `is_suspended` as a condition; `grant` leads to it, such as `grant__`."""
    overdue = unmet(grant).filter(deadline__lte=now)
    return Q(Exists(overdue), **{f"{grant}starts_at__lte": now - NOTICE})


def suspended_column(now: datetime, grant: str = "") -> "ExpressionWrapper[Q]":
    """Returns `suspended` as something to annotate rows with."""
    return ExpressionWrapper(suspended(now, grant), output_field=BooleanField())


def unmet(grant: str = "") -> QuerySet[ReconsentCampaign]:
    """The campaigns that a grant of the outer query has not met, for use in a subquery."""
    signed = Reconsent.objects.filter(
        grant=OuterRef(OuterRef(f"{grant}pk")),
        agreement__text__number__gte=OuterRef("text__number"),
    )
    return ReconsentCampaign.objects.filter(
        ~Exists(signed),
        text__dataset=OuterRef(f"{grant}dataset"),
        text__number__gt=OuterRef(f"{grant}agreement__text__number"),
    ).order_by()


def older_than(grants: QuerySet[Grant], number: int) -> QuerySet[Grant]:
    """Returns those of the grants that stand on a version before `number`."""
    return grants.annotate(version=_version()).filter(version__lt=number)


def versions_of(grants: QuerySet[Grant]) -> dict[UUID, int]:
    """Returns the number of the version that each of the grants stands on. One query."""
    found = grants.order_by().annotate(version=_version())
    return dict(found.values_list("pk", "version"))


def _version() -> Coalesce:
    newest = Reconsent.objects.filter(grant=OuterRef("pk")).order_by("-at", "-pk")
    number = Subquery(newest.values("agreement__text__number")[:1])
    return Coalesce(number, F("agreement__text__number"))
