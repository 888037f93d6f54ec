"""An applicant takes a request back."""

from uuid import UUID

from django.db import transaction
from django.urls import reverse

from requests_app.agreements import gathering
from requests_app.distribution import grants
from requests_app.identity.models import User
from requests_app.notifications import messages
from requests_app.requests import reasons
from requests_app.requests.maintainers import told_of_requests
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State, Verb
from requests_app.requests.transitions import lock, move


@transaction.atomic
def withdraw(*, access_request_id: UUID | str, by: User, reason: str = "") -> AccessRequest:
    """Withdraws the request for its applicant; grants under it end in the same moment.

    Raises what `transitions.lock` raises, and Invalid for a reason that cannot be kept. Effects,
    all or none: the state, the end of active grants, an entry for each, an e-mail to the
    applicant, and one to each maintainer who had the request before them.
    """
    reason = reasons.clean(reason)
    access_request = lock(access_request_id, Verb.WITHDRAW, by)
    start = State(access_request.state)
    move(access_request, verb=Verb.WITHDRAW, by=by, reason=reason)
    gathering.end_collecting(access_request, by)
    ended = grants.give_up_grants(access_request=access_request, by=by)
    _tell(access_request, by=by, reason=reason, had_access=bool(ended), seen=start != State.DRAFT)
    return access_request


def _tell(
    access_request: AccessRequest, *, by: User, reason: str, had_access: bool, seen: bool
) -> None:
    letter = messages.Letter(
        to=by.email,
        full_name=access_request.legal_name or by.full_name,
        dataset_title=access_request.dataset.title,
        research_title=str(access_request),
        reason=reason,
        path=reverse("request_detail", args=[access_request.pk]),
        trail=access_request.audit_trail,
    )
    messages.request_withdrawn(**letter, had_access=had_access)
    if not seen:
        return
    for maintainer in told_of_requests(access_request.dataset):
        messages.request_withdrawn_notice(
            to=maintainer.email,
            full_name=maintainer.full_name,
            applicant_name=access_request.legal_name,
            institution=access_request.institution,
            dataset_title=access_request.dataset.title,
            research_title=str(access_request),
            reason=reason,
            had_access=had_access,
            path=reverse("admin:requests_app_accessrequest_change", args=[access_request.pk]),
            trail=access_request.audit_trail,
        )
