"""Requests as maintainers meet them: signed, decided, granted."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from requests_app.agreements.models import Agreement, AgreementDocument, AgreementText
from requests_app.distribution.models import DownloadLink, Grant
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State, Verb
from requests_app.review.models import Decision
from tests.factories.requests import AccessRequestFactory, approver

PDF = b"%PDF-1.7 agreement"


def sign(access_request: AccessRequest, *, rendered: bool = True) -> Agreement:
    """Puts a signed agreement under the request and makes it `submitted`, as signing does."""
    text, _ = AgreementText.objects.get_or_create(
        dataset=access_request.dataset,
        number=1,
        defaults={"body": "[[purpose]]", "sha256": "1" * 64},
    )
    signed = Agreement.objects.count() + 1
    agreement = Agreement.objects.create(
        number=f"DAA-{access_request.dataset.slug}-{signed:06d}",
        access_request=access_request,
        text=text,
        signer=access_request.applicant,
        # Two agreements of one test must not be signed at the same instant.
        signed_at=timezone.now() - timedelta(hours=1) + timedelta(seconds=signed),
        values=values(access_request),
        evidence=evidence(access_request),
    )
    if rendered:
        AgreementDocument.objects.create(
            agreement=agreement, content=PDF, size=len(PDF), sha256="2" * 64
        )
    put(access_request, State.SUBMITTED)
    return agreement


def put(access_request: AccessRequest, state: State) -> AccessRequest:
    """Sets the state as only `transitions` may outside of tests."""
    access_request.state = state
    access_request.state_since = timezone.now()
    access_request.save(update_fields=["state", "state_since"])
    return access_request


def values(access_request: AccessRequest) -> dict[str, Any]:
    ethics = access_request.ethics_reason
    if (document := access_request.ethics_document) is not None:
        ethics = f"Approved: {access_request.ethics_reference}\nSHA-256: {document.sha256}"
    return {
        "applicant_name": access_request.legal_name,
        "email": access_request.email,
        "institution": access_request.institution,
        "department": access_request.department,
        "position": access_request.position,
        "supervisor": access_request.supervisor,
        "country": str(access_request.country.name),
        "research_title": access_request.research_title,
        "purpose": access_request.purpose,
        "funding": access_request.funding,
        "ethics": ethics,
        "data_protection": access_request.data_protection_plan,
        "named_people": [person.as_value() for person in access_request.named_people.all()],
        "compliance": ["We will not feed them."],
        "dataset_title": access_request.dataset.title,
        "dataset_contact": "anna@pier.example",
        "releases": "1.0",
        "citation": "Larus and Sterna (2024)",
        "term_days": "365",
    }


def evidence(access_request: AccessRequest) -> dict[str, Any]:
    return {
        "typed_name": access_request.legal_name,
        "text_number": 1,
        "text_sha256": "1" * 64,
        "position": access_request.position,
        "institution": access_request.institution,
        "email": access_request.email,
        "email_verified_at": "2026-01-31T09:00:00Z",
        "reauthenticated_at": "2026-01-31T09:29:00Z",
        "method": "password",
        "electronic_consent": {"key": "consent", "text": "Yes.", "at": "2026-01-31T09:30:00Z"},
        "affirmations": [{"key": "read", "text": "I read it.", "at": "2026-01-31T09:30:00Z"}],
        "signed_at": "2026-01-31T09:30:00Z",
        "ip_address": "192.0.2.7",
        "user_agent": "Firefox",
        "locale": "en",
    }


def submitted(*, rendered: bool = True, **fields: Any) -> AccessRequest:
    """A signed request that waits for a decision."""
    access_request: AccessRequest = AccessRequestFactory(**fields)
    sign(access_request, rendered=rendered)
    return access_request


def decided(verb: Verb, state: State, **fields: Any) -> AccessRequest:
    """A request that an approver of its dataset has decided."""
    access_request = submitted(**fields)
    Decision.objects.create(
        access_request=access_request,
        agreement=access_request.agreements.get(),
        verb=verb,
        reason="Because.",
        private_note="Between us.",
        by=approver(access_request.dataset),
    )
    return put(access_request, state)


def granted(**fields: Any) -> Grant:
    """An approved request's grant, in force for a year."""
    access_request = decided(Verb.APPROVE, State.APPROVED, **fields)
    now = timezone.now()
    return Grant.objects.create(
        access_request=access_request,
        agreement=access_request.agreements.get(),
        applicant=access_request.applicant,
        dataset=access_request.dataset,
        starts_at=now - timedelta(minutes=1),
        ends_at=now + timedelta(days=365),
    )


def link_of(grant: Grant) -> DownloadLink:
    return DownloadLink.objects.create(
        grant=grant, secret_sha256="3" * 64, expires_at=timezone.now() + timedelta(days=14)
    )
