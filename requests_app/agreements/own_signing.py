"""Signing the PDF with one's own certificate: the document is issued, and comes back signed."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse

from requests_app import conf, queue
from requests_app.agreements import own_certificate, unsealed
from requests_app.agreements.completing import complete_if_all_signed
from requests_app.agreements.failures import Kind, paused
from requests_app.agreements.inviting import is_anew
from requests_app.agreements.models import Agreement
from requests_app.agreements.outstanding import all_others_signed, without_void
from requests_app.agreements.own_signatures import (
    IssuedDocument,
    OwnCertificateChoice,
    OwnSignature,
)
from requests_app.audit import kinds, log
from requests_app.errors import Conflict, Invalid, NotFound
from requests_app.identity.models import User
from requests_app.notifications import messages
from requests_app.requests.models import AccessRequest

_CHECKING = "own-certificate:checking"
TOO_LARGE = "This file is larger than any signed agreement can be. Upload the file that you signed."


def choose(agreement: Agreement) -> None:
    """Keeps that the applicant signs with their certificate; part of the verb that signs.

    Effects: the row, and the issuing queued, which waits until all others have signed.
    """
    OwnCertificateChoice.objects.create(agreement=agreement)
    queue.enqueue("agreements.issue_document", agreement_id=str(agreement.pk))


def waiting() -> QuerySet[Agreement]:
    """Returns the agreements whose document is to be issued, oldest first.

    Not those that failed and pause (`retrying`).
    """
    return _to_be_issued().exclude(pk__in=paused(Kind.ISSUED).values("agreement"))


def _to_be_issued() -> QuerySet[Agreement]:
    issued = IssuedDocument.objects.filter(agreement=OuterRef("pk"))
    chosen = Agreement.objects.exclude(own_certificate=None).filter(~Exists(issued))
    return all_others_signed(without_void(chosen)).order_by("signed_at")


def issue_document(*, agreement_id: UUID | str) -> IssuedDocument | None:
    """Makes the document that the applicant is to sign, and tells them; safe to run twice.

    The document names no certificate of the seal, which is set later, perhaps with a newer key.
    Returns None when there is nothing to do. Raises Misconfigured when it cannot be made. Effects,
    in one transaction: the document, one entry with its digest, a message.
    """
    agreement = _to_be_issued().filter(pk=agreement_id).select_related("text", "signer").first()
    if agreement is None:
        return None
    # Outside of the transaction: rendering takes a while, and SQLite has one writer at a time.
    content = own_certificate.with_place_to_sign(unsealed.render(agreement, None))
    return _keep_issued(agreement, content)


@transaction.atomic
def _keep_issued(agreement: Agreement, content: bytes) -> IssuedDocument | None:
    AccessRequest.objects.select_for_update(of=("self",), no_key=True).get(
        pk=agreement.access_request_id
    )
    if not _to_be_issued().filter(pk=agreement.pk).exists():
        return None
    digest = hashlib.sha256(content).hexdigest()
    document = IssuedDocument.objects.create(
        agreement=agreement, content=content, size=len(content), sha256=digest
    )
    log.record(
        kinds.DOCUMENT_ISSUED, by=log.SYSTEM, on=agreement, sha256=digest, size=document.size
    )
    path = reverse("request_own_certificate", args=[agreement.access_request_id])
    messages.document_issued(
        to=agreement.signer.email,
        full_name=agreement.values["applicant_name"],
        dataset_title=agreement.values["dataset_title"],
        number=agreement.number,
        url=conf.base_url() + path,
        anew=is_anew(agreement),
        trail=agreement.audit_trail,
    )
    return document


def accept(*, access_request_id: UUID | str, by: User, content: bytes) -> OwnSignature:
    """Takes the document back as its applicant signed it, which completes the agreement.

    Raises NotFound for anybody else's request; Conflict when no document waits to be signed, or
    another file is being checked; Invalid, under the field `signed`, with what is wrong with the
    file. Effects, all or none: the signed document with what the certificate says, one entry, and
    what `completing` does.
    """
    issued = _waiting_for(access_request_id, by, AccessRequest.objects.all())
    # Outside of the transaction, and one at a time: a check takes seconds of a processor.
    with _one_at_a_time():
        try:
            found = _check(issued, content)
        except Invalid as error:
            raise Invalid(error.message, {"signed": [error.message]}) from error
    return _keep_signed(access_request_id, issued, content, found, by)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Raises Conflict while another file is checked, anywhere in the portal.

    Whoever takes longer than a minute has lost the turn, and must not end that of the next one.
    """
    mine = secrets.token_hex(16)
    if not cache.add(_CHECKING, mine, timeout=60):
        raise Conflict("The portal is checking another file. Upload yours again in a minute.")
    try:
        yield
    finally:
        if cache.get(_CHECKING) == mine:
            cache.delete(_CHECKING)


@transaction.atomic
def _keep_signed(
    access_request_id: UUID | str,
    issued: IssuedDocument,
    content: bytes,
    found: own_certificate.Certificate,
    by: User,
) -> OwnSignature:
    locked = AccessRequest.objects.select_for_update(of=("self",), no_key=True)
    if _waiting_for(access_request_id, by, locked) != issued:
        raise Conflict("No document waits for your signature now.")
    signature = OwnSignature.objects.create(
        agreement=issued.agreement,
        content=content,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        certificate=found.as_json(),
    )
    log.record(
        kinds.AGREEMENT_SIGNED_WITH_CERTIFICATE,
        by=by,
        on=issued.agreement,
        agreement=issued.agreement.number,
        sha256=signature.sha256,
        certificate_sha256=found.sha256,
        algorithm=found.algorithm,
        trusted=found.trusted,
        subject=found.subject,
    )
    complete_if_all_signed(issued.agreement, by=by)
    return signature


def _waiting_for(
    access_request_id: UUID | str, by: User, requests: QuerySet[AccessRequest]
) -> IssuedDocument:
    access_request = requests.filter(pk=access_request_id, applicant=by.pk).first()
    if access_request is None or not by.is_active:
        raise NotFound("There is no such request among yours.")
    issued = issued_for(access_request)
    if issued is None:
        raise Conflict("No document waits for your signature now.")
    return issued


def issued_for(access_request: AccessRequest) -> IssuedDocument | None:
    """Returns the document that waits for the certificate of a request's applicant, if any."""
    unsigned = without_void(Agreement.objects.filter(own_signature=None))
    found = IssuedDocument.objects.filter(agreement__in=unsigned.order_by())
    return found.filter(agreement__access_request=access_request).select_related("agreement").last()


def _check(issued: IssuedDocument, content: bytes) -> own_certificate.Certificate:
    if len(content) > issued.size + own_certificate.MOST_ADDED:
        raise Invalid(TOO_LARGE)
    return own_certificate.check(
        issued=bytes(issued.content), uploaded=content, issued_at=issued.issued_at
    )
