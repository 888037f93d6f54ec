"""Deciding a signed request: approve it, return it for changes, or reject it."""

from uuid import UUID

from django.db import transaction
from django.urls import reverse

from requests_app import conf
from requests_app.agreements.models import Agreement, AgreementDocument
from requests_app.agreements.outstanding import complete
from requests_app.distribution import grants
from requests_app.errors import Conflict
from requests_app.identity.models import User
from requests_app.notifications import messages
from requests_app.requests import reasons
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import Verb
from requests_app.requests.transitions import lock, move
from requests_app.review.models import Decision

NO_REASON = "Give a reason: the applicant reads it."
SIGNED_AGAIN = (
    "The applicant has signed a newer agreement since you opened this page. "
    "Read that one, then decide."
)
STILL_RENDERING = (
    "The agreement's PDF is still being made, so it cannot be approved yet. "
    "Try again in a minute; nothing was changed."
)


@transaction.atomic
def approve(
    *,
    access_request_id: UUID | str,
    agreement_id: UUID | str,
    by: User,
    reason: str,
    private_note: str = "",
) -> Decision:
    """Approves the request under the signed agreement that `by` looked at, and creates the grant.

    `reason` is read by the applicant, `private_note` by maintainers only. Raises what
    `transitions.lock` raises; Invalid without a reason; Conflict when somebody decided first, a
    newer agreement was signed meanwhile, or the agreement has no PDF yet. Effects, all or none:
    the decision, the state, the grant, their entries, an e-mail to the applicant.
    """
    access_request = _lock(access_request_id, Verb.APPROVE, by)
    agreement = _agreement(access_request, agreement_id)
    if not AgreementDocument.objects.filter(agreement=agreement).exists():
        raise Conflict(STILL_RENDERING)
    decision = _decide(
        access_request,
        agreement,
        verb=Verb.APPROVE,
        by=by,
        reason=reason,
        private_note=private_note,
    )
    grants.create_grant(agreement=agreement, by=by)
    messages.request_approved(**_letter(access_request, decision), days=conf.grant_term().days)
    return decision


@transaction.atomic
def return_for_changes(
    *,
    access_request_id: UUID | str,
    agreement_id: UUID | str,
    by: User,
    reason: str,
    private_note: str = "",
) -> Decision:
    """Gives the request back to the applicant, who may change it and sign again.

    Arguments and errors as for `approve`, except that the PDF need not exist yet. Effects, all or
    none: the decision, the state, one entry, an e-mail to the applicant.
    """
    access_request = _lock(access_request_id, Verb.RETURN, by)
    agreement = _agreement(access_request, agreement_id)
    decision = _decide(
        access_request, agreement, verb=Verb.RETURN, by=by, reason=reason, private_note=private_note
    )
    messages.request_returned(**_letter(access_request, decision))
    return decision


@transaction.atomic
def reject(
    *,
    access_request_id: UUID | str,
    agreement_id: UUID | str,
    by: User,
    reason: str,
    private_note: str = "",
) -> Decision:
    """Ends the request without access. Arguments, errors and effects as `return_for_changes`."""
    access_request = _lock(access_request_id, Verb.REJECT, by)
    agreement = _agreement(access_request, agreement_id)
    decision = _decide(
        access_request, agreement, verb=Verb.REJECT, by=by, reason=reason, private_note=private_note
    )
    messages.request_rejected(**_letter(access_request, decision))
    return decision


def _lock(access_request_id: UUID | str, verb: Verb, by: User) -> AccessRequest:
    """Locks the request; whoever comes second is told who was first."""
    try:
        return lock(access_request_id, verb, by)
    except Conflict as conflict:
        first = (
            Decision.objects.filter(access_request__pk=access_request_id)
            .select_related("by", "access_request")
            .first()
        )
        if first is None or first.at < first.access_request.state_since:
            raise
        who = "You have" if first.by_id == by.pk else f"{first.by} has"
        raise Conflict(
            f"{who} decided this request already, on {first.at:%d %B %Y at %H:%M} UTC: "
            f"it is “{first.access_request.get_state_display()}” now. Nothing was changed."
        ) from conflict


def _agreement(access_request: AccessRequest, agreement_id: UUID | str) -> Agreement:
    latest = complete(access_request.agreements.order_by("-signed_at")).first()
    if latest is None or str(latest.pk) != str(agreement_id):
        raise Conflict(SIGNED_AGAIN)
    return latest


def _decide(
    access_request: AccessRequest,
    agreement: Agreement,
    *,
    verb: Verb,
    by: User,
    reason: str,
    private_note: str,
) -> Decision:
    reason = reasons.clean(reason, required=NO_REASON)
    private_note = reasons.clean(private_note, field="private_note")
    move(
        access_request,
        verb=verb,
        by=by,
        agreement=agreement.number,
        reason=reason,
        private_note=private_note,
    )
    return Decision.objects.create(
        access_request=access_request,
        agreement=agreement,
        verb=verb,
        reason=reason,
        private_note=private_note,
        by=by,
        at=access_request.state_since,
    )


def _letter(access_request: AccessRequest, decision: Decision) -> messages.Letter:
    return messages.Letter(
        to=access_request.applicant.email,
        full_name=access_request.legal_name,
        dataset_title=access_request.dataset.title,
        research_title=str(access_request),
        reason=decision.reason,
        path=reverse("request_detail", args=[access_request.pk]),
        trail=access_request.audit_trail,
    )
