"""Creating and revoking grants."""

from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from requests_app import conf, queue
from requests_app.agreements.models import Agreement
from requests_app.audit import kinds, log
from requests_app.distribution.models import Grant, GrantState
from requests_app.errors import Conflict, NotFound, Refused
from requests_app.identity.models import User
from requests_app.requests import reasons
from requests_app.requests.models import AccessRequest
from requests_app.requests.permissions import may_decide

NO_REASON: Final = "Give a reason: the holder reads it."


@transaction.atomic
def create_grant(*, agreement: Agreement, by: log.Audited) -> Grant:
    """Give the agreement's applicant the right to fetch its dataset, from now for the set term.

    Belongs into the transaction that approves the request, whose row the caller has locked. Writes
    one entry, queues the first download link and the countersignature. Raises Conflict when the
    agreement has a grant.
    """
    if Grant.objects.filter(agreement=agreement).exists():
        raise Conflict("There is a grant for this agreement already.")
    access_request, now = agreement.access_request, timezone.now()
    grant = Grant.objects.create(
        access_request=access_request,
        agreement=agreement,
        applicant=access_request.applicant,
        dataset=access_request.dataset,
        starts_at=now,
        ends_at=now + conf.grant_term(),
    )
    log.record(
        kinds.GRANT_CREATED,
        by=by,
        on=grant,
        dataset=grant.dataset.slug,
        agreement=agreement.number,
        starts_at=grant.starts_at.isoformat(),
        ends_at=grant.ends_at.isoformat(),
    )
    queue.enqueue("distribution.issue_link", grant_id=str(grant.pk))
    queue.enqueue("distribution.countersign", grant_id=str(grant.pk))
    return grant


@transaction.atomic
def revoke_grant(*, grant_id: UUID | str, by: User, reason: str) -> Grant:
    """End a grant at once; every link that stands on it stops opening. Writes one entry.

    Raises NotFound; Refused unless `by` may decide about the grant's request; Invalid without a
    reason; Conflict when the grant is not active any more.
    """
    reason = reasons.clean(reason, required=NO_REASON)
    grant = lock_grant(grant_id)
    if not may_decide(by, grant.access_request):
        raise Refused("Only approvers of this dataset may revoke a grant for it.")
    now = timezone.now()
    if (state := grant.state(now)) is not GrantState.ACTIVE:
        raise Conflict(f"This grant is {state} already, so there is nothing to revoke.")
    grant.revoked_at, grant.revoked_reason = now, reason
    grant.save(update_fields=["revoked_at", "revoked_reason"])
    log.record(kinds.GRANT_REVOKED, by=by, on=grant, reason=grant.revoked_reason)
    return grant


@transaction.atomic
def give_up_grants(*, access_request: AccessRequest, by: User) -> list[Grant]:
    """End the active grants of a request that its applicant withdraws; returns them.

    Belongs into the transaction that withdraws the request, whose row the caller has locked.
    Writes one entry for each.
    """
    now = timezone.now()
    locked = Grant.objects.select_for_update(of=("self",), no_key=True).filter(
        access_request=access_request
    )
    active = [grant for grant in locked if grant.state(now) is GrantState.ACTIVE]
    for grant in active:
        grant.revoked_at, grant.revoked_reason = now, "The applicant withdrew the request."
        grant.save(update_fields=["revoked_at", "revoked_reason"])
        log.record(kinds.GRANT_GIVEN_UP, by=by, on=grant)
    return active


def lock_grant(grant_id: UUID | str) -> Grant:
    """The grant with its row locked, for use inside a transaction. Raises NotFound."""
    grant = (
        Grant.objects.select_for_update(of=("self",), no_key=True)
        .select_related("applicant", "dataset", "access_request__dataset")
        .filter(pk=grant_id)
        .first()
    )
    if grant is None:
        raise NotFound("There is no such grant.")
    return grant
