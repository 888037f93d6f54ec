"""The people an applicant names to sign with them: at which addresses they can be asked."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from requests_app.datasets.card import card_from
from requests_app.errors import Invalid
from requests_app.identity.addresses import Address, MalformedAddress, canonical, parse
from requests_app.identity.institutions import judge
from requests_app.identity.names import folded
from requests_app.requests.answers import clean, is_blank
from requests_app.requests.models import AccessRequest

REQUIRED: dict[str, str] = {
    "signatory_name": "Name the person who may sign for your institution.",
    "signatory_position": "Say what their position is.",
    "signatory_email": "Give their own address at your institution.",
}

ANOTHER_PERSON: Final = (
    "Somebody else signs for your institution: name a person who may bind it, not yourself."
)


def needs_authorised_signatory(access_request: AccessRequest) -> bool:
    """Whether the dataset is handed out only with a signature for the institution."""
    return card_from(access_request.dataset.card).signing.authorised_signatory


def others_addresses(access_request: AccessRequest) -> Counter[str]:
    """Returns how often each mailbox is named in the request, the applicant's own included."""
    named = [person.email for person in access_request.named_people.all()]
    if needs_authorised_signatory(access_request):
        named.append(access_request.signatory_email)
    return Counter(filter(None, map(_mailbox, [access_request.applicant.email, *named])))


def address_fault(email: str, named: Counter[str]) -> str:
    """Returns why nobody can be invited at an address; empty when they can.

    `named` is what `others_addresses` returned.
    """
    verdict = judge(email)
    if not verdict.accepted:
        return f"They must sign from their own institutional address. {verdict.reason}"
    if named[_mailbox(email)] > 1:
        return "This address is in the request twice: everybody signs from an address of their own."
    return ""


def signatory_gaps(access_request: AccessRequest) -> dict[str, list[str]]:
    """Returns what is missing of the authorised signatory, where the dataset asks for one."""
    if not needs_authorised_signatory(access_request):
        return {}
    gaps = {
        name: [sentence]
        for name, sentence in REQUIRED.items()
        if is_blank(str(getattr(access_request, name)))
    }
    email = access_request.signatory_email
    if email and (fault := _signatory_fault(email, access_request)):
        gaps["signatory_email"] = [fault]
    own_names = {folded(access_request.legal_name), folded(access_request.applicant.full_name)}
    if folded(access_request.signatory_name) in own_names - {""}:
        gaps["signatory_name"] = [ANOTHER_PERSON]
    return gaps


def require_signatory(access_request: AccessRequest, named: Mapping[str, str]) -> None:
    """Keeps who signs for the institution under an approved request, if the dataset asks for one.

    `named` has those of `REQUIRED` that are to change: the dataset may not have asked when the
    request was made, and people leave. Part of a verb that has locked the row. Raises Invalid, with
    fields, unless there is now somebody to ask.
    """
    if not needs_authorised_signatory(access_request):
        return
    given = {name: named[name] for name in REQUIRED if name in named}
    for name, value in clean(given, statements=()).items():
        setattr(access_request, name, value)
    if gaps := signatory_gaps(access_request):
        raise Invalid("Say who signs for your institution.", gaps)
    access_request.save(update_fields=[*REQUIRED, "updated_at"])


def may_be_one_person(one: str, other: str) -> bool:
    """Whether two addresses may be of one person: the same name at hosts of one institution.

    A hint for whoever decides, no verdict.
    """
    try:
        mine, theirs = parse(one), parse(other)
    except MalformedAddress:
        return False
    same = _local(mine) == _local(theirs)
    return same and bool(mine.registrable) and mine.registrable == theirs.registrable


def _local(address: Address) -> str:
    return address.canonical.rpartition("@")[0].casefold()


def _signatory_fault(email: str, access_request: AccessRequest) -> str:
    if fault := address_fault(email, others_addresses(access_request)):
        return fault
    mine = parse(access_request.applicant.email)
    if parse(email).registrable != mine.registrable:
        return (
            f"Somebody signs for your institution, so their address must be at it too: it ends in "
            f"{mine.registrable or mine.host}."
        )
    return ""


def _mailbox(email: str) -> str:
    try:
        return canonical(email)
    except MalformedAddress:
        return ""
