"""An applicant says no to the agreement: an outcome as good as signing it, with a reason."""

from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import TextChoices
from django.urls import reverse

from requests_app.agreements import gathering
from requests_app.agreements.outstanding import complete
from requests_app.agreements.texts import current_text
from requests_app.datasets.card import card_from
from requests_app.errors import Invalid
from requests_app.identity.models import User
from requests_app.notifications import messages
from requests_app.requests import reasons
from requests_app.requests.maintainers import told_of_requests
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import Verb
from requests_app.requests.transitions import lock, move

CHOOSE: Final = "Choose what comes closest; “I would rather not say” is one of the answers."


class Why(TextChoices):
    """What an applicant may choose from; their own words come beside it."""

    TERMS = "terms", "I do not agree with something in the text"
    AUTHORITY = "authority", "I may not bind my institution, or it does not agree"
    PAPER = "paper", "I do not want to sign electronically"
    NO_NEED = "no_need", "I do not need the dataset any more"
    UNSAID = "unsaid", "I would rather not say"


@transaction.atomic
def decline(
    *, access_request_id: UUID | str, by: User, why: str, reason: str = ""
) -> AccessRequest:
    """Declines the agreement for the applicant, which withdraws the request.

    `why` is a value of `Why`, `reason` their own words, which may be empty. Raises what
    `transitions.lock` raises; Invalid, with fields, for a choice that is not offered or words that
    cannot be kept; Conflict when the dataset has no text yet. Effects, all or none: the state, an
    entry that names the text version, an e-mail to the applicant, and one to each maintainer if
    the request was before them.
    """
    access_request = lock(access_request_id, Verb.DECLINE, by)
    if why not in Why.values:
        raise Invalid(CHOOSE, {"why": [CHOOSE]})
    reason = reasons.clean(reason)
    text = current_text(access_request.dataset)
    move(
        access_request,
        verb=Verb.DECLINE,
        by=by,
        text_number=text.number,
        text_sha256=text.sha256,
        why=Why(why).value,
        reason=reason,
    )
    gathering.end_collecting(access_request, by)
    _tell(access_request, by=by, why=str(Why(why).label), reason=reason)
    return access_request


def _tell(access_request: AccessRequest, *, by: User, why: str, reason: str) -> None:
    dataset = access_request.dataset
    receipt = messages.Letter(
        to=by.email,
        full_name=access_request.legal_name or by.full_name,
        dataset_title=dataset.title,
        research_title=str(access_request),
        reason=reason,
        path=reverse("request_detail", args=[access_request.pk]),
        trail=access_request.audit_trail,
    )
    messages.agreement_declined(**receipt, why=why, contact=card_from(dataset.card).contact.email)
    if not complete(access_request.agreements.all()).exists():
        return
    notice = receipt.copy()
    notice["path"] = reverse("admin:requests_app_accessrequest_change", args=[access_request.pk])
    for maintainer in told_of_requests(dataset):
        notice["to"], notice["full_name"] = maintainer.email, maintainer.full_name
        messages.agreement_declined_notice(
            **notice,
            applicant_name=access_request.legal_name,
            institution=access_request.institution,
            why=why,
        )
