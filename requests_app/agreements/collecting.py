"""Collecting the answers of an access request, in the words the agreement will show."""

from django.utils import translation

from requests_app import conf
from requests_app.agreements.answers import Answers, clean_answers
from requests_app.datasets import citation
from requests_app.datasets.card import Card, card_from
from requests_app.requests.models import AccessRequest


def collect_answers(access_request: AccessRequest) -> Answers:
    """Returns the answers to every placeholder, cleaned, as they stand in the database now.

    Raises Invalid if one holds a character that cannot be shown. The result does not depend on the
    language of the page: the same request gives the same answers, and so the same digest.
    """
    card = card_from(access_request.dataset.card)
    with translation.override("en"):
        country = str(access_request.country.name)
    releases = access_request.dataset.releases.order_by("published_at", "pk")
    return clean_answers(
        {
            "applicant_name": access_request.legal_name,
            "email": access_request.applicant.email,
            "institution": access_request.institution,
            "department": access_request.department,
            "position": access_request.position,
            "supervisor": access_request.supervisor if access_request.is_student else "",
            "country": country,
            "research_title": access_request.research_title,
            "purpose": access_request.purpose,
            "funding": access_request.funding,
            "ethics": _ethics(access_request),
            "data_protection": access_request.data_protection_plan,
            "named_people": [person.as_value() for person in access_request.named_people.all()],
            "compliance": _statements(access_request, card),
            "dataset_title": card.title,
            "dataset_contact": card.contact.email,
            "releases": ", ".join(releases.values_list("version", flat=True)),
            "citation": citation.plain(card),
            "term_days": str(conf.grant_term().days),
        }
    )


def _ethics(access_request: AccessRequest) -> str:
    """The approval is tied in by its digest, so the file that was signed for can be told later."""
    if access_request.ethics == AccessRequest.Ethics.NOT_NEEDED:
        return f"No ethics approval is needed. The reason given:\n{access_request.ethics_reason}"
    document = access_request.ethics_document
    if document is None:
        return access_request.ethics_reference
    return (
        f"Approved by an ethics board, reference: {access_request.ethics_reference}\n"
        f"Approval document: {document.name}\nSHA-256 of the document: {document.sha256}"
    )


def _statements(access_request: AccessRequest, card: Card) -> list[str]:
    ticked = set(access_request.statements)
    return [statement.text for statement in card.compliance if statement.id in ticked]
