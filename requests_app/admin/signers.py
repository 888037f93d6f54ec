"""Who signed with the applicant, as the page of a request shows them: evidence and outcome."""

from typing import Any, Final

from requests_app.admin.tones import badge
from requests_app.agreements.models import Agreement
from requests_app.agreements.outstanding import Outcome, outcome, signatories_of
from requests_app.agreements.signatories import Signatory
from requests_app.distribution.models import MemberRemoval
from requests_app.lifecycle.leaving import members
from requests_app.requests.cosigners import may_be_one_person
from requests_app.requests.models import AccessRequest

_BADGES: Final[dict[Outcome, tuple[str, str]]] = {
    Outcome.SIGNED: ("Signed", "good"),
    Outcome.WAITING: ("Has yet to sign", "warn"),
    Outcome.DECLINED: ("Declined", "bad"),
    Outcome.REMOVED: ("Removed before signing", "warn"),
}


def signers(
    access_request: AccessRequest, agreement: Agreement, *, may_remove: bool
) -> list[dict[str, Any]]:
    """Returns a row for each signatory of an agreement, in its order. A fixed number of queries.

    `may_leave` is true for members of a running grant when the reader may remove them.
    """
    rows = signatories_of(agreement)
    if not rows:
        return []
    removals = {
        each.signatory_id: each
        for each in MemberRemoval.objects.filter(signatory__in=rows).select_related("by")
    }
    running = {each.pk for each in members(access_request)} if may_remove else set()
    return [_row(each, removals.get(each.pk), may_leave=each.pk in running) for each in rows]


def _row(signatory: Signatory, removal: MemberRemoval | None, *, may_leave: bool) -> dict[str, Any]:
    found = outcome(signatory)
    signed = found is Outcome.SIGNED
    label, tone = ("Left the grant", "warn") if removal else _BADGES[found]
    return {
        "signatory": signatory,
        "badge": badge(label, tone),
        "evidence": signatory.cosignature.evidence if signed else None,
        "signed_at": signatory.cosignature.signed_at if signed else None,
        "exits": signatory.exits.all(),
        "removal": removal,
        "may_leave": may_leave,
        "one_person": signatory.role == Signatory.Role.INSTITUTION
        and may_be_one_person(signatory.agreement.values["email"], signatory.email),
    }
