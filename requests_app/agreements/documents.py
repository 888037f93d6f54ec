"""The document of a signed agreement: rendered once, stored with its digest, and sent out."""

import hashlib
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse

from requests_app import conf
from requests_app.agreements.evidence import Evidence
from requests_app.agreements.models import Agreement, AgreementDocument
from requests_app.agreements.pdf import AgreementDocumentInput, render_pdf
from requests_app.audit import kinds, log
from requests_app.errors import NotFound
from requests_app.notifications import messages
from requests_app.requests.maintainers import told_of_requests
from requests_app.requests.states import State

MEDIA_TYPE = "application/pdf"


def waiting() -> QuerySet[Agreement]:
    """Returns the signed agreements that have no document yet, oldest first."""
    return Agreement.objects.filter(document__isnull=True).order_by("signed_at")


def render_document(*, agreement_id: UUID | str) -> AgreementDocument:
    """Makes the document of a signed agreement and returns it; the one there is, if it was made.

    It is rendered from what the agreement keeps: the text version that was signed, the answers and
    the evidence, whatever has changed since. Safe to run twice and by two workers at once: one of
    them writes. Raises NotFound for an unknown agreement. Effects, in one transaction: the
    document, an entry with its digest, and the messages to the applicant and to the maintainers.
    """
    agreement = _signed(agreement_id)
    made = AgreementDocument.objects.filter(agreement=agreement).first()
    if made is not None:
        return made
    # Outside of the transaction: rendering takes a while, and SQLite has one writer at a time.
    content = render_pdf(
        AgreementDocumentInput(
            text=agreement.text.body,
            answers=agreement.values,
            evidence=Evidence.from_json(agreement.evidence),
        )
    )
    return _keep(agreement, content)


def _signed(agreement_id: UUID | str) -> Agreement:
    agreement = (
        Agreement.objects.select_related("text", "access_request__dataset", "signer")
        .filter(pk=agreement_id)
        .first()
    )
    if agreement is None:
        raise NotFound("There is no such agreement.")
    return agreement


@transaction.atomic
def _keep(agreement: Agreement, content: bytes) -> AgreementDocument:
    Agreement.objects.select_for_update(of=("self",)).get(pk=agreement.pk)
    made = AgreementDocument.objects.filter(agreement=agreement).first()
    if made is not None:
        return made
    document = AgreementDocument.objects.create(
        agreement=agreement,
        content=content,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    log.record(
        kinds.AGREEMENT_RENDERED,
        by=log.SYSTEM,
        on=agreement,
        sha256=document.sha256,
        size=document.size,
    )
    _send(agreement, content)
    return document


def _send(agreement: Agreement, content: bytes) -> None:
    """A copy to whoever signed, and a request to decide to everybody who maintains the dataset."""
    access_request = agreement.access_request
    pdf = messages.Attachment(f"{agreement.number}.pdf", content, MEDIA_TYPE)
    trail = access_request.audit_ref
    # Signing submits; under an approved request, only a new version is ever signed.
    to_be_decided = access_request.state != State.APPROVED
    messages.agreement_signed(
        to=agreement.values["email"],
        full_name=agreement.values["applicant_name"],
        dataset_title=agreement.values["dataset_title"],
        number=agreement.number,
        request_url=conf.base_url() + reverse("request_detail", args=[access_request.pk]),
        pdf=pdf,
        trail=trail,
        to_be_decided=to_be_decided,
    )
    if not to_be_decided:
        return
    review = reverse("admin:requests_app_accessrequest_change", args=[access_request.pk])
    maintainers = told_of_requests(access_request.dataset)
    for maintainer in maintainers.exclude(pk=agreement.signer_id):
        messages.request_submitted(
            to=maintainer.email,
            answers=agreement.values,
            number=agreement.number,
            signed_at=agreement.signed_at,
            review_url=conf.base_url() + review,
            pdf=pdf,
            trail=trail,
        )
