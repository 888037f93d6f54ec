"""A new version that is being signed ends with the grant that it is signed for."""

from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from requests_app.agreements import gathering
from requests_app.agreements.signatories import AgreementVoid
from requests_app.audit import kinds, log
from requests_app.distribution.models import Grant
from requests_app.notifications import messages
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State


def left_over() -> QuerySet[AccessRequest]:
    """Returns the requests for which a new version is being signed under no grant any more.

    Who revokes or gives up a grant ends the signing with it; this finds the grants that ran out.
    """
    now = timezone.now()
    lasting = Grant.objects.filter(
        Q(revoked_at=None) | Q(revoked_at__gt=now),
        access_request=OuterRef("pk"),
        ends_at__gt=now,
    )
    collecting = AccessRequest.objects.filter(state=State.APPROVED, collecting_since__isnull=False)
    return collecting.filter(~Exists(lasting)).order_by("collecting_since")


@transaction.atomic
def end_signing(*, access_request_id: UUID | str) -> AgreementVoid | None:
    """Ends the signing of a new version whose grant ran out; None when there is none to end.

    Safe to run twice. Effects, all or none: the agreement void, one entry, and messages to the
    holder and to each who was invited and did not decline.
    """
    locked = AccessRequest.objects.select_for_update(of=("self",), no_key=True).filter(
        pk=access_request_id
    )
    if locked.first() is None:
        return None
    left = left_over().filter(pk=access_request_id).select_related("applicant", "dataset")
    access_request = left.first()
    if access_request is None:
        return None
    agreement = gathering.end_collecting(access_request, None)
    if agreement is None:
        return None
    log.record(kinds.SIGNING_ENDED, by=log.SYSTEM, on=access_request, agreement=agreement.number)
    messages.signing_ended(
        to=access_request.applicant.email,
        full_name=access_request.legal_name or access_request.applicant.full_name,
        dataset_title=access_request.dataset.title,
        research_title=str(access_request),
        reason="",
        path=reverse("request_detail", args=[access_request.pk]),
        trail=access_request.audit_trail,
        number=agreement.number,
    )
    return agreement.void
