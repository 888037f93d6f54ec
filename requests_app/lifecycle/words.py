"""Words that rows keep beside the log: reasons, notes, networks. They go when the log's own go.

The rows stay. Their guards let these columns be emptied, and nothing else (`audit.guard`).
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from requests_app.agreements.signatories import SignatoryExit
from requests_app.audit import kinds, log
from requests_app.audit.retention import Retention, kept_since
from requests_app.distribution.models import Grant, MemberRemoval
from requests_app.requests.models import AccessRequest


@transaction.atomic
def empty_overdue() -> int:
    """Empties what was written longer ago than the log keeps words; returns in how many rows.

    Effects: one entry, unless nothing was overdue. Safe to run at any time.
    """
    now = timezone.now()
    before = kept_since(Retention.WORDS, now)
    count = _empty(AccessRequest.objects.all(), before)
    count += empty_networks(Grant.objects.all(), kept_since(Retention.NETWORK, now))
    if count:
        told = {"before": before.isoformat(), "count": count}
        log.record(kinds.WORDS_ERASED, by=log.SYSTEM, on=log.Named("words"), **told)
    return count


def empty_of(access_requests: Collection[AccessRequest]) -> int:
    """Empties all that was written about some requests. Part of a verb that erases a person."""
    keys = [each.pk for each in access_requests]
    return _empty(AccessRequest.objects.filter(pk__in=keys), timezone.now())


def empty_said(signatories: Collection[str]) -> int:
    """Empties why these signatories (references) did not sign or were removed. Part of a verb."""
    of = Q(signatory__in=[UUID(each.removeprefix("signatory:")) for each in signatories])
    exits, removals = SignatoryExit.objects.filter(of), MemberRemoval.objects.filter(of)
    count = exits.exclude(reason="").update(reason="")
    return count + removals.exclude(reason="").update(reason="")


def empty_networks(grants: QuerySet[Grant], before: datetime) -> int:
    """Empties the networks of those grants that ended before an instant. Part of a verb."""
    over = grants.filter(Q(ends_at__lte=before) | Q(revoked_at__lte=before))
    return over.exclude(networks="").update(networks="")


def _empty(requests: QuerySet[AccessRequest], before: datetime) -> int:
    count = 0
    for each in requests.filter(decisions__at__lte=before, decisions__reason__gt="").distinct():
        count += each.decisions.filter(at__lte=before).update(reason="", private_note="")
    exits = SignatoryExit.objects.filter(
        signatory__agreement__access_request__in=requests, at__lte=before
    )
    removals = MemberRemoval.objects.filter(grant__access_request__in=requests, at__lte=before)
    for words in (exits, removals):
        count += words.exclude(reason="").update(reason="")
    revoked = Grant.objects.filter(access_request__in=requests, revoked_at__lte=before)
    return count + revoked.exclude(revoked_reason="").update(revoked_reason="")
