"""Requests as maintainers meet them: signed, decided, granted."""

from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from django.utils import timezone
from pypdf import PdfWriter

from requests_app.agreements.answers import Answers, digest, shown_digest
from requests_app.agreements.collecting import collect_answers
from requests_app.agreements.evidence import Affirmed, Evidence
from requests_app.agreements.models import Agreement, AgreementDocument, AgreementText
from requests_app.agreements.wording import read_wording
from requests_app.distribution.models import DownloadLink, Grant
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State, Verb
from requests_app.review.models import Decision
from tests.factories.agreements import publish_text
from tests.factories.requests import AccessRequestFactory, approver


def _a_page() -> bytes:
    writer, saved = PdfWriter(), BytesIO()
    writer.add_blank_page(width=595, height=842)
    writer.write(saved)
    return saved.getvalue()


PDF = _a_page()


def sign(access_request: AccessRequest, *, rendered: bool = True) -> Agreement:
    """Puts a signed agreement under the request and makes it `submitted`, as signing does."""
    text = access_request.dataset.agreement_texts.first() or publish_text(access_request.dataset)
    answers = collect_answers(access_request)
    signed = Agreement.objects.count() + 1
    # Two agreements of one test must not be signed at the same instant.
    signed_at = timezone.now() - timedelta(hours=1) + timedelta(seconds=signed)
    number = f"DAA-{access_request.dataset.slug}-{signed:06d}"
    agreement = Agreement.objects.create(
        number=number,
        access_request=access_request,
        text=text,
        signer=access_request.applicant,
        signed_at=signed_at,
        values=answers,
        evidence=evidence(number, text, answers, signed_at),
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


def evidence(
    number: str, text: AgreementText, answers: Answers, signed_at: datetime
) -> dict[str, Any]:
    wording = read_wording(text.body)
    return Evidence(
        number=number,
        dataset=str(answers["dataset_title"]),
        text_number=text.number,
        text_sha256=text.sha256,
        answers_sha256=digest(answers),
        shown_sha256=shown_digest(text_sha256=text.sha256, answers=answers),
        typed_name=str(answers["applicant_name"]),
        position=str(answers["position"]),
        institution=str(answers["institution"]),
        account="user:7",
        email=str(answers["email"]),
        email_verified_at=signed_at - timedelta(days=2),
        reauthenticated_at=signed_at - timedelta(minutes=1),
        method="password",
        electronic_consent=Affirmed("electronic_consent", wording.electronic_consent, signed_at),
        affirmations=tuple(
            Affirmed(item.key, item.text, signed_at) for item in wording.affirmations
        ),
        signed_at=signed_at,
        ip_address="192.0.2.7",
        user_agent="Firefox on a pier",
        locale="en-gb",
        paper="A4",
    ).as_json()


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
