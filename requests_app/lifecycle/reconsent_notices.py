"""The letters of a campaign: asked, reminded twice, told of the suspension. Each is sent once.

A letter is a row and an e-mail written in one transaction, so a lost task loses nothing and a
second one adds nothing. Which letter is due follows from the clock alone.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, QuerySet
from django.urls import reverse
from django.utils import timezone

from requests_app.audit import kinds, log
from requests_app.distribution.access import running_grants
from requests_app.distribution.grants import lock_grant
from requests_app.distribution.models import Grant, ReconsentCampaign, ReconsentNotice
from requests_app.distribution.reconsents import due_at, unmet, unmet_campaign
from requests_app.notifications import messages

Kind = ReconsentNotice.Kind

WEEK: Final = timedelta(days=7)
DAY: Final = timedelta(days=1)
LAST_CALL: Final = timedelta(hours=6)
"""A reminder that is late by so much that fewer hours are left is not sent: it would not help."""


def waiting() -> QuerySet[Grant]:
    """Returns the grants whose holder is to get a letter now."""
    now = timezone.now()
    asked = running_grants(now).filter(Exists(unmet())).select_related("agreement__text")
    due = [grant.pk for grant in asked if _letter(grant, now) is not None]
    return Grant.objects.filter(pk__in=due)


@transaction.atomic
def give_notice(*, grant_id: UUID | str) -> ReconsentNotice | None:
    """Sends the letter that is due to a grant's holder; None when none is.

    Safe to run any number of times, also at once. Raises NotFound. Effects, all or none: a row, an
    e-mail, and an entry if it tells of the suspension.
    """
    grant, now = lock_grant(grant_id), timezone.now()
    if not running_grants(now).filter(pk=grant.pk).exists():
        return None
    letter = _letter(grant, now)
    if letter is None:
        return None
    campaign, kind = letter
    notice = ReconsentNotice.objects.create(campaign=campaign, grant=grant, kind=kind, at=now)
    deadline = due_at(campaign, grant)
    if kind is Kind.SUSPENDED:
        log.record(
            kinds.GRANT_SUSPENDED,
            by=log.SYSTEM,
            on=grant,
            text_number=campaign.text.number,
            deadline=deadline.isoformat(),
        )
    _send(grant, campaign, kind, deadline)
    return notice


def _letter(grant: Grant, now: datetime) -> tuple[ReconsentCampaign, Kind] | None:
    campaign = unmet_campaign(grant)
    if campaign is None:
        return None
    kind = kind_at(now, due_at(campaign, grant))
    if kind is None or campaign.notices.filter(grant=grant, kind=kind).exists():
        return None
    return campaign, kind


def kind_at(now: datetime, deadline: datetime) -> Kind | None:
    """Returns the letter that a holder who has not signed should have by `now`.

    Each one says all there is to say, so that after an outage only the latest is sent.
    """
    if now >= deadline:
        return Kind.SUSPENDED
    left = deadline - now
    if left <= LAST_CALL:
        return None
    if left <= DAY:
        return Kind.DAY
    return Kind.WEEK if left <= WEEK else Kind.ANNOUNCED


def _send(grant: Grant, campaign: ReconsentCampaign, kind: Kind, deadline: datetime) -> None:
    access_request = grant.access_request
    letter = messages.Letter(
        to=grant.applicant.email,
        full_name=access_request.legal_name or grant.applicant.full_name,
        dataset_title=grant.dataset.title,
        research_title=str(access_request),
        reason=campaign.reason,
        path=reverse("request_sign_anew", args=[access_request.pk]),
        trail=access_request.audit_trail,
    )
    if kind is Kind.SUSPENDED:
        messages.grant_suspended(**letter)
    else:
        reminder = kind is not Kind.ANNOUNCED
        messages.reconsent_asked(**letter, deadline=deadline, reminder=reminder)
