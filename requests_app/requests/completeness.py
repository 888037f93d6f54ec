"""What a request still lacks before it may be signed."""

from requests_app.errors import Invalid
from requests_app.requests.answers import is_blank, person_key
from requests_app.requests.cosigners import address_fault, others_addresses, signatory_gaps
from requests_app.requests.models import AccessRequest

REQUIRED: dict[str, str] = {
    "legal_name": "Give your full legal name.",
    "institution": "Name the university or company you work at.",
    "department": "Name your department or group.",
    "position": "Say what your position is.",
    "country": "Choose the country your institution is in.",
    "research_title": "Give your research a title.",
    "purpose": "Describe what you want to do with the dataset.",
    "funding": "Say who pays for the research and any commercial interest; write “none” if so.",
    "ethics": "Say whether an ethics board has approved the research.",
    "data_protection_plan": "Describe where the data will be kept and who can reach it.",
}


def missing(access_request: AccessRequest) -> dict[str, list[str]]:
    """Returns what is missing: field name -> sentences. Empty when the request may be signed.

    A named person's field goes by `answers.person_key` of their position in `named_people`.
    """
    gaps = {
        name: [sentence]
        for name, sentence in REQUIRED.items()
        if is_blank(str(getattr(access_request, name)))
    }
    if access_request.is_student and is_blank(access_request.supervisor):
        gaps["supervisor"] = ["Name the person who supervises you."]
    gaps |= _missing_ethics(access_request)
    gaps |= signatory_gaps(access_request)
    if unticked := set(statement_ids(access_request)) - set(access_request.statements):
        gaps["statements"] = [
            "Tick every statement: one is still open."
            if len(unticked) == 1
            else f"Tick every statement: {len(unticked)} are still open."
        ]
    return gaps | _missing_of_people(access_request)


def _missing_ethics(access_request: AccessRequest) -> dict[str, list[str]]:
    gaps = {}
    if access_request.ethics == AccessRequest.Ethics.APPROVED:
        if is_blank(access_request.ethics_reference):
            gaps["ethics_reference"] = ["Give the reference number of the approval."]
        if access_request.ethics_document is None:
            gaps["ethics_document"] = ["Upload the approval as a PDF."]
    elif access_request.ethics and is_blank(access_request.ethics_reason):
        gaps["ethics_reason"] = ["Say why no ethics approval is needed."]
    return gaps


def _missing_of_people(access_request: AccessRequest) -> dict[str, list[str]]:
    gaps = {}
    addresses = others_addresses(access_request)
    for index, person in enumerate(access_request.named_people.all()):
        if not person.name:
            gaps[person_key(index, "name")] = ["Give this person’s name."]
        if not person.email:
            gaps[person_key(index, "email")] = ["Give an address at which to reach this person."]
        elif fault := address_fault(person.email, addresses):
            gaps[person_key(index, "email")] = [fault]
    return gaps


def statement_ids(access_request: AccessRequest) -> list[str]:
    """Ids of the compliance statements that the dataset's card asks for, in the card's order."""
    return [item["id"] for item in access_request.dataset.card["compliance"]]


def require_complete(access_request: AccessRequest) -> None:
    """Raises Invalid, with the fields, unless the request may be signed."""
    if gaps := missing(access_request):
        raise Invalid("The request is not complete yet.", gaps)
