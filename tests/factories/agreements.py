"""Agreement texts, requests that are ready to sign, and signed agreements."""

from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.utils import timezone

from requests_app.agreements.answers import clean_answers, digest, shown_digest
from requests_app.agreements.evidence import Affirmed, Evidence, SealNote
from requests_app.agreements.models import Agreement, AgreementText
from requests_app.agreements.pdf import AgreementDocumentInput
from requests_app.agreements.preview import preview
from requests_app.agreements.signing import sign
from requests_app.agreements.wording import read_wording, text_sha256
from requests_app.datasets.models import Dataset
from requests_app.requests.models import AccessRequest
from tests.factories.requests import AccessRequestFactory, UserFactory

TEXT = """+++
title = "Gull Agreement"
electronic_consent = "I agree to sign on this page."

[[affirmations]]
key = "read"
text = "I have read all of it."

[[affirmations]]
key = "kind"
text = "I will be kind to gulls."
+++

> **Notice.** Counsel has not seen this.

## 1. Gulls

1.1 [[applicant_name]] of [[institution]] may look at *gulls* for [[term_days]] days.

(a) but not feed them.

## Schedule 1

| What | Answer |
|---|---|
| Title | [[research_title]] |
| Releases | [[releases]] |

[[purpose]]

[[named_people]]

[[compliance]]
"""


def text_source(line: str = "may look at") -> str:
    """A whole text version; another `line` makes another version of it."""
    return TEXT.replace("may look at", line)


def some_answers(**changes: Any) -> dict[str, Any]:
    """An answer to every placeholder, cleaned."""
    answers: dict[str, Any] = {
        "applicant_name": "Ada Larus",
        "email": "ada@pier.example",
        "institution": "Pier University",
        "department": "Seabirds",
        "position": "Lecturer",
        "supervisor": "",
        "country": "Australia",
        "research_title": "Moods of gulls",
        "purpose": "To learn\nwhat gulls feel.",
        "funding": "none",
        "ethics": "No ethics approval is needed.",
        "data_protection": "A locked shed.",
        "named_people": [],
        "compliance": ["We will not feed them."],
        "dataset_title": "Gulls: moods of gulls",
        "dataset_contact": "anna@pier.example",
        "releases": "1.0",
        "citation": "Larus, Anna (2024). Gulls.",
        "term_days": "365",
    }
    return clean_answers(answers | changes)


def document_input(
    text: str = TEXT, *, paper: str = "A4", **answer_changes: Any
) -> AgreementDocumentInput:
    """What a document is made of, signed at a fixed instant."""
    answers = some_answers(**answer_changes)
    wording = read_wording(text)
    at = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    evidence = Evidence(
        number="GULLS-DAA-2026-000001",
        dataset=answers["dataset_title"],
        text_number=1,
        text_sha256=text_sha256(text),
        answers_sha256=digest(answers),
        shown_sha256=shown_digest(text_sha256=text_sha256(text), answers=answers),
        typed_name=answers["applicant_name"],
        position=answers["position"],
        institution=answers["institution"],
        account="user:7",
        email=answers["email"],
        email_verified_at=at - timedelta(days=2),
        reauthenticated_at=at - timedelta(minutes=1),
        method="password",
        electronic_consent=Affirmed("electronic_consent", wording.electronic_consent, at),
        affirmations=tuple(Affirmed(item.key, item.text, at) for item in wording.affirmations),
        signed_at=at,
        ip_address="192.0.2.7",
        user_agent="Firefox on a pier",
        locale="en-gb",
        paper=paper,
    )
    seal = SealNote(
        level="B-B",
        dated_by="portal",
        certificate_sha256="c" * 64,
        verify_url="https://portal.example/verify/GULLS-DAA-2026-000001",
        certificates_url="https://portal.example/verify/certificates.pem",
    )
    return AgreementDocumentInput(text, answers, evidence, seal)


def publish_text(dataset: Dataset, number: int = 1, body: str = TEXT) -> AgreementText:
    """Puts a text version in force, as loading it does."""
    return AgreementText.objects.create(
        dataset=dataset, number=number, body=body, sha256=text_sha256(body)
    )


def ready_request(**fields: Any) -> AccessRequest:
    """A complete draft of an applicant with a verified address, of a dataset with a text."""
    if "applicant" not in fields:
        fields["applicant"] = UserFactory()
    access_request: AccessRequest = AccessRequestFactory(**fields)
    applicant = access_request.applicant
    EmailAddress.objects.get_or_create(
        user=applicant, email=applicant.email, defaults={"verified": True, "primary": True}
    )
    if not access_request.dataset.agreement_texts.exists():
        publish_text(access_request.dataset)
    return access_request


def signature(access_request: AccessRequest, **changes: Any) -> dict[str, Any]:
    """What the signing page sends for a request as it stands: arguments of `signing.sign`."""
    shown = preview(access_request)
    arguments = {
        "access_request_id": access_request.pk,
        "by": access_request.applicant,
        "typed_name": access_request.legal_name,
        "affirmations": [affirmation.key for affirmation in shown.affirmations],
        "consent_electronic": True,
        "reauthenticated_at": timezone.now() - timedelta(minutes=1),
        "method": "password",
        "text_id": shown.text_id,
        "shown_sha256": shown.shown_sha256,
        "locale": "en-gb",
    }
    return arguments | changes


def signed_agreement(**fields: Any) -> Agreement:
    """An agreement signed through the front door; its document is still to be made."""
    return sign(**signature(ready_request(**fields)))
