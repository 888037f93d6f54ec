"""Where an agreement stands today, for those who may know: its applicant and its maintainers."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from requests_app.agreements.models import Agreement
from requests_app.agreements.outstanding import complete, is_complete
from requests_app.agreements.signatories import AgreementVoid
from requests_app.distribution.models import Grant, GrantState
from requests_app.distribution.reconsents import is_suspended, stands_on
from requests_app.identity.models import User
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State
from requests_app.requests.visibility import for_review


@dataclass(frozen=True)
class Standing:
    """`in_force` is whether data may be held under the agreement now; `word` and `sentence` why."""

    in_force: bool
    word: str
    sentence: str


_STOPPED = ("stopped", "The signing was stopped before all had signed, so it never took effect.")
_COLLECTING = ("not signed by all", "It is not signed by all who must sign it yet.")
_WITHOUT_GRANT = {
    # Signed by all, so what is to follow is on its way.
    State.DRAFT: ("not submitted", "The request under it was not submitted yet."),
    State.APPROVED: ("not in effect yet", "No grant stands on it yet."),
    State.SUBMITTED: ("not decided", "A maintainer has not decided about the request yet."),
    State.RETURNED: ("returned", "The request was returned to its applicant for changes."),
    State.REJECTED: ("rejected", "The request was rejected; no access was given under it."),
    State.WITHDRAWN: ("withdrawn", "The applicant has withdrawn the request."),
}


def standing(number: str, *, to: User | None) -> Standing | None:
    """Returns where the agreement `number` stands now.

    None when there is no such agreement, or `to` (None: somebody unknown) may not know: only its
    applicant and those who may review or audit the request do.
    """
    agreement = Agreement.objects.select_related("access_request").filter(number=number).first()
    if agreement is None or to is None or not _may_know(to, agreement.access_request):
        return None
    signed_for = Q(agreement=agreement) | Q(reconsents__agreement=agreement)
    if (grant := Grant.objects.filter(signed_for).distinct().first()) is not None:
        binding = stands_on(grant)
        return _of_grant(grant) if binding == agreement else _superseded(binding)
    if AgreementVoid.objects.filter(agreement=agreement).exists():
        return _not_in_force(*_STOPPED)
    newer = complete(agreement.access_request.agreements.filter(signed_at__gt=agreement.signed_at))
    if (newest := newer.order_by("-signed_at").first()) is not None:
        return _superseded(newest)
    return _without_grant(agreement)


def _without_grant(agreement: Agreement) -> Standing:
    if not is_complete(agreement):
        return _not_in_force(*_COLLECTING)
    return _not_in_force(*_WITHOUT_GRANT[State(agreement.access_request.state)])


def _not_in_force(word: str, sentence: str) -> Standing:
    return Standing(in_force=False, word=word, sentence=sentence)


def _may_know(user: User, access_request: AccessRequest) -> bool:
    if user.is_active and access_request.applicant_id == user.pk:
        return True
    return for_review(user).filter(pk=access_request.pk).exists()


def _superseded(newer: Agreement) -> Standing:
    sentence = f"It was superseded by {newer.number}, which the applicant signed later."
    return Standing(in_force=False, word="superseded", sentence=sentence)


def _of_grant(grant: Grant) -> Standing:
    if grant.state() is GrantState.ACTIVE and is_suspended(grant, timezone.now()):
        sentence = "Its grant is suspended until the applicant signs the version in force."
        return Standing(in_force=False, word="suspended", sentence=sentence)
    match grant.state():
        case GrantState.ACTIVE:
            sentence = f"Its grant is active until {_day(grant.ends_at)}."
            return Standing(in_force=True, word="in force", sentence=sentence)
        case GrantState.EXPIRED:
            sentence = f"Its grant expired on {_day(grant.ends_at)}."
            return Standing(in_force=False, word="expired", sentence=sentence)
        case GrantState.REVOKED:
            sentence = f"Its grant was revoked on {_day(grant.revoked_at)}."
            return Standing(in_force=False, word="revoked", sentence=sentence)


def _day(instant: datetime | None) -> str:
    return f"{instant:%d %B %Y}".lstrip("0") if instant else "an unknown day"
