"""The documents of a signed agreement: rendered, sealed, countersigned, and sent out.

Each is made in whole before a row is written, and written in one transaction with its entry and its
messages; a key that fails or a disk that is full leaves nothing behind but work for the sweep.
"""

import hashlib
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse

from requests_app import conf
from requests_app.agreements import certificates, unsealed
from requests_app.agreements.failures import paused
from requests_app.agreements.inspection import require_sound
from requests_app.agreements.inviting import addressed_to
from requests_app.agreements.models import Agreement, AgreementDocument, FailedDocument
from requests_app.agreements.outstanding import complete, is_complete
from requests_app.agreements.own_signatures import OwnSignature
from requests_app.agreements.parties import signed_by
from requests_app.agreements.seal import Role, Seal, prepare, seal_pdf
from requests_app.agreements.seal_revoking import require_unrevoked
from requests_app.audit import kinds, log
from requests_app.errors import Conflict, NotFound
from requests_app.notifications import invitations, messages
from requests_app.requests.maintainers import told_of_requests
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State

MEDIA_TYPE = "application/pdf"
Kind = AgreementDocument.Kind

_ENTRY = {Kind.SEALED: kinds.AGREEMENT_RENDERED, Kind.COUNTERSIGNED: kinds.AGREEMENT_COUNTERSIGNED}


def waiting() -> QuerySet[Agreement]:
    """Returns the agreements that all have signed and that have no document yet, oldest first.

    Not those that failed and pause (`retrying`).
    """
    unmade = without(Kind.SEALED, complete(Agreement.objects.order_by("signed_at")))
    return unmade.exclude(pk__in=paused(FailedDocument.Kind.SEALED).values("agreement"))


def without(kind: Kind, agreements: QuerySet[Agreement]) -> QuerySet[Agreement]:
    """Returns those of `agreements` that have no document of this kind."""
    made = AgreementDocument.objects.filter(agreement=OuterRef("pk"), kind=kind)
    return agreements.filter(~Exists(made))


def render_document(*, agreement_id: UUID | str) -> AgreementDocument:
    """Makes the sealed document of a signed agreement and returns it; the one there is, if made.

    It is rendered from what the agreement keeps: the text version that was signed, the answers and
    the evidence, whatever has changed since; one that its applicant signed with a certificate of
    their own is sealed as it came back. Safe to run twice and by two workers at once: one of
    them writes. Raises NotFound for an unknown agreement, Conflict for one that others have yet to
    sign, Misconfigured when it cannot be sealed, Unsound when what was made is not what was meant.
    Effects, in one transaction: the document, the certificate's row if it is new, an entry with
    the digest, and the messages to the applicant and to the maintainers.
    """
    agreement = _signed(agreement_id)
    if (made := _made(agreement, Kind.SEALED)) is not None:
        return made
    if not is_complete(agreement):
        raise Conflict(f"{agreement} is not signed by all who must sign it.")
    # Outside of the transaction: rendering takes a while, and SQLite has one writer at a time.
    seal = _prepare()
    signed = OwnSignature.objects.filter(agreement=agreement).first()
    content = bytes(signed.content) if signed else unsealed.render(agreement, seal)
    sealed = seal_pdf(content, seal, Role.SEAL, certify=signed is None)
    meant = bytes(agreement.issued_document.content) if signed else content
    require_sound(agreement, sealed, of=meant, key=seal.key)
    return _keep(agreement, Kind.SEALED, sealed, seal)


def countersign_document(*, agreement_id: UUID | str) -> AgreementDocument:
    """Adds the lab's countersignature to the sealed document, as a document of its own; returns it.

    The caller knows that the request is approved. Safe to run twice, as `render_document`. Raises
    NotFound for an unknown agreement, Conflict when it has not been sealed, Misconfigured when it
    cannot be sealed now, Unsound as there. Effects, in one transaction: the document, an entry, a
    message to the applicant with the copy.
    """
    agreement = _signed(agreement_id)
    if (made := _made(agreement, Kind.COUNTERSIGNED)) is not None:
        return made
    first = _made(agreement, Kind.SEALED)
    if first is None:
        raise Conflict(f"{agreement} has no sealed document yet, so it cannot be countersigned.")
    seal = _prepare()
    content = seal_pdf(bytes(first.content), seal, Role.COUNTERSIGNATURE)
    require_sound(agreement, content, of=bytes(first.content), key=seal.key)
    return _keep(agreement, Kind.COUNTERSIGNED, content, seal)


def _prepare() -> Seal:
    seal = prepare()
    require_unrevoked(seal.key)
    return seal


def _signed(agreement_id: UUID | str) -> Agreement:
    agreement = (
        Agreement.objects.select_related("text", "access_request__dataset", "signer")
        .filter(pk=agreement_id)
        .first()
    )
    if agreement is None:
        raise NotFound("There is no such agreement.")
    return agreement


def _made(agreement: Agreement, kind: Kind) -> AgreementDocument | None:
    return AgreementDocument.objects.filter(agreement=agreement, kind=kind).first()


@transaction.atomic
def _keep(agreement: Agreement, kind: Kind, content: bytes, seal: Seal) -> AgreementDocument:
    # The request's row: production's roles may not lock what they may not change.
    AccessRequest.objects.select_for_update(of=("self",), no_key=True).get(
        pk=agreement.access_request_id
    )
    if (made := _made(agreement, kind)) is not None:
        return made
    agreement.access_request.refresh_from_db(fields=["state"])  # it may have moved on since
    require_unrevoked(seal.key)  # it may have been declared since
    certificate = certificates.record(seal.key)
    document = AgreementDocument.objects.create(
        agreement=agreement,
        kind=kind,
        content=content,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        level=seal.level.value,
        certificate=certificate,
    )
    log.record(
        _ENTRY[kind],
        by=log.SYSTEM,
        on=agreement,
        sha256=document.sha256,
        size=document.size,
        level=document.level,
        certificate_sha256=certificate.sha256,
    )
    pdf = messages.Attachment(f"{agreement.number}.pdf", content, MEDIA_TYPE)
    if kind is Kind.SEALED:
        _send_sealed(agreement, pdf)
    else:
        _send_countersigned(agreement, pdf)
    return document


def _send_sealed(agreement: Agreement, pdf: messages.Attachment) -> None:
    """A copy to whoever signed, and a request to decide to everybody who maintains the dataset."""
    access_request = agreement.access_request
    trail = access_request.audit_ref
    # Signing submits; under an approved request, only a new version is ever signed. But the copy
    # may be late: by then the request may be withdrawn, or given back.
    to_be_decided = access_request.state == State.SUBMITTED
    in_force = access_request.state == State.APPROVED
    others = signed_by(agreement)
    messages.agreement_signed(
        to=agreement.values["email"],
        full_name=agreement.values["applicant_name"],
        dataset_title=agreement.values["dataset_title"],
        number=agreement.number,
        request_url=conf.base_url() + reverse("request_detail", args=[access_request.pk]),
        pdf=pdf,
        trail=trail,
        to_be_decided=to_be_decided,
        in_force=in_force,
        together=bool(others),
    )
    for signatory in others:
        invitations.agreement_cosigned(
            **addressed_to(signatory),
            number=agreement.number,
            pdf=pdf,
            to_be_decided=to_be_decided,
            in_force=in_force,
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


def _send_countersigned(agreement: Agreement, pdf: messages.Attachment) -> None:
    messages.agreement_countersigned(
        to=agreement.values["email"],
        full_name=agreement.values["applicant_name"],
        dataset_title=agreement.values["dataset_title"],
        number=agreement.number,
        pdf=pdf,
        trail=agreement.audit_trail,
    )
    for signatory in signed_by(agreement):
        invitations.agreement_cosigned(
            **addressed_to(signatory),
            number=agreement.number,
            pdf=pdf,
            to_be_decided=False,
            countersigned=True,
        )
