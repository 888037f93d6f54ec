"""Is an uploaded PDF the document that was issued, signed once by a certificate, and nothing else?

The upload must begin with the very bytes that were issued; what follows may add one signature
(PAdES or adbe.pkcs7.detached, ISO 32000-2, 12.8), the data to validate it by, and nothing a reader
would see besides.
"""

import asyncio
import unicodedata
from dataclasses import asdict, dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from asn1crypto import x509
from pyhanko.keys.pemder import load_certs_from_pemder_data
from pyhanko.pdf_utils.generic import NumberObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, StandardDiffPolicy
from pyhanko.sign.diff_analysis.constants import VALUE_UPDATE_KEYS
from pyhanko.sign.diff_analysis.form_rules_api import FormUpdatingRule
from pyhanko.sign.diff_analysis.policy_api import ModificationLevel, SuspiciousModification
from pyhanko.sign.diff_analysis.rules.form_field_rules import SigFieldModificationRule
from pyhanko.sign.fields import SigFieldSpec, append_signature_field
from pyhanko.sign.general import CMSExtractionError, UnacceptableSignerError
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError

from requests_app import conf
from requests_app.agreements.added_revision import is_one_update, says_the_same
from requests_app.agreements.evidence import format_instant
from requests_app.agreements.own_refusals import (
    BROKEN,
    ELSEWHERE,
    MORE_CHANGED,
    NO_CERTIFICATE,
    NOT_OURS,
    NOT_SIGNED,
    NOT_WHOLE,
    ONE_ONLY,
    UNREADABLE,
)
from requests_app.agreements.own_signature_kinds import (
    algorithm,
    require_acceptable,
    require_in_force,
)
from requests_app.agreements.trust import fingerprint
from requests_app.agreements.validation_data import only_adds_validation_data
from requests_app.errors import Invalid

MOST_ADDED: Final = 1024 * 1024
"""Bytes that a signature may add: certificates and revocation data take a few tens of thousands."""

FIELD: Final = "ApplicantSignature"

# The field that was issued may be filled in, and nothing else of the form. Poppler also dates it
# (`/M`, ISO 32000-2, 12.5.2), which shows nothing on a page.
_MAY_CHANGE: Final = StandardDiffPolicy(
    global_rules=DEFAULT_DIFF_POLICY.global_rules,
    form_rule=FormUpdatingRule(
        field_rules=[SigFieldModificationRule(value_update_keys=VALUE_UPDATE_KEYS | {"/M"})]
    ),
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the signer's certificate says, and the signature with it.

    `trusted` is None when no roots are configured to check it against; `signed_at` is the signer's
    own word; the digest is of the certificate (DER), in hexadecimal.
    """

    subject: str
    issuer: str
    serial: str
    sha256: str
    algorithm: str
    valid_from: datetime
    valid_until: datetime
    signed_at: datetime | None
    trusted: bool | None

    def as_json(self) -> dict[str, Any]:
        """Returns the facts as JSON types; instants as RFC 3339 in UTC."""
        told = asdict(self)
        for name in ("valid_from", "valid_until", "signed_at"):
            told[name] = format_instant(told[name]) if told[name] else None
        return told


def with_place_to_sign(content: bytes) -> bytes:
    """Returns the PDF with an empty signature field, which signing programs offer to fill in."""
    issued = BytesIO()
    writer = IncrementalPdfFileWriter(BytesIO(content))
    place = SigFieldSpec(FIELD, readable_field_name="Signature of the Applicant")
    append_signature_field(writer, place)
    # "Signatures exist, append only": signing sets it (ISO 32000-2, 12.7.3), so it must not change.
    writer.root["/AcroForm"]["/SigFlags"] = NumberObject(3)  # type: ignore[no-untyped-call] # same
    writer.write(issued)  # type: ignore[no-untyped-call] # pyHanko is typed in parts
    return issued.getvalue()


def check(*, issued: bytes, uploaded: bytes, issued_at: datetime) -> Certificate:
    """Returns what the signer's certificate says if `uploaded` is `issued` with their signature.

    The signature must say that it was made between `issued_at` and now, give or take `SLACK`, and
    the certificate be valid now: the time is the signer's own word, and must not lengthen a term.
    Raises Invalid with a sentence that says what to do otherwise. Nothing is fetched. Only what
    follows the issued bytes comes from a stranger, and there is little of it.
    """
    if not uploaded.startswith(issued):
        raise Invalid(NOT_OURS)
    added = len(uploaded) - len(issued)
    if not uploaded[len(issued) :].strip():
        raise Invalid(NOT_SIGNED)
    if added > MOST_ADDED:
        raise Invalid(MORE_CHANGED)
    try:
        return asyncio.run(_check(issued, uploaded, issued_at))
    except Invalid:
        raise
    except Exception as error:  # whatever a stranger's bytes make a parser do
        raise Invalid(UNREADABLE) from error


async def _check(issued: bytes, uploaded: bytes, issued_at: datetime) -> Certificate:
    end = _end_of_signature(_only_signature(PdfFileReader(BytesIO(uploaded))), uploaded)
    signed, more = uploaded[:end], uploaded[end:]
    reader = PdfFileReader(BytesIO(signed))
    signature = _only_signature(reader)
    # What costs little comes first: comparing two revisions takes seconds.
    require_acceptable(signature)
    _require_its_place(signature, reader)
    if signature.evaluate_signature_coverage() is not SignatureCoverageLevel.ENTIRE_FILE:
        raise Invalid(NOT_WHOLE)
    if not is_one_update(PdfFileReader(BytesIO(issued)), reader, signed, len(issued)):
        raise Invalid(MORE_CHANGED)
    if more and not only_adds_validation_data(signed, uploaded):
        raise Invalid(MORE_CHANGED)
    await _require_whole(signature)
    certificate = signature.signer_cert
    at = signature.self_reported_timestamp
    require_in_force(signature, issued_at)
    _require_nothing_else(issued, reader)
    return Certificate(
        subject=_legible(certificate.subject),
        issuer=_legible(certificate.issuer),
        serial=f"{certificate.serial_number:x}",
        sha256=fingerprint(certificate),
        algorithm=algorithm(certificate),
        valid_from=certificate.not_valid_before,
        valid_until=certificate.not_valid_after,
        signed_at=at,
        trusted=await _trusted(certificate, signature),
    )


def _legible(name: x509.Name) -> str:
    """Whoever made the certificate wrote it: a NUL, which PostgreSQL keeps in no text, is legal."""
    text = str(name.human_friendly)[:500]
    return "".join("?" if unicodedata.category(char) == "Cc" else char for char in text)


def _only_signature(reader: PdfFileReader) -> EmbeddedPdfSignature:
    if reader.encrypted:
        raise Invalid(UNREADABLE)
    signatures: list[EmbeddedPdfSignature] = reader.embedded_signatures
    if len(signatures) != 1:
        raise Invalid(ONE_ONLY if signatures else NOT_SIGNED)
    [signature] = signatures
    try:
        signature.signer_cert  # noqa: B018 - it is looked for here
    except (CMSExtractionError, SignatureValidationError) as error:
        raise Invalid(NO_CERTIFICATE) from error
    return signature


def _end_of_signature(signature: EmbeddedPdfSignature, content: bytes) -> int:
    """Returns where what the signature covers ends, at most where the file does."""
    *_, after, rest = (int(each) for each in signature.byte_range)
    return min(after + rest, len(content))


def _require_nothing_else(issued: bytes, reader: PdfFileReader) -> None:
    before = PdfFileReader(BytesIO(issued))
    try:
        found = _MAY_CHANGE.review_file(reader, before.xrefs.total_revisions - 1)
    except SuspiciousModification as error:
        raise Invalid(MORE_CHANGED) from error
    if isinstance(found, SuspiciousModification):
        raise Invalid(MORE_CHANGED) from found
    if found.modification_level > ModificationLevel.FORM_FILLING:
        raise Invalid(MORE_CHANGED)
    if not says_the_same(before, reader):
        raise Invalid(MORE_CHANGED)


def _require_its_place(signature: EmbeddedPdfSignature, reader: PdfFileReader) -> None:
    """The signature fills in the field that was issued, which covers nothing of a page.

    In a place of its own it could bear any picture, over any clause.
    """
    fields = reader.root["/AcroForm"]["/Fields"]
    if signature.field_name != FIELD or len(fields) != 1:
        raise Invalid(ELSEWHERE)
    left, bottom, right, top = (float(edge) for edge in signature.sig_field["/Rect"])
    if (left, bottom) != (right, top):
        raise Invalid(ELSEWHERE)


async def _require_whole(signature: EmbeddedPdfSignature) -> None:
    """Whether it is by a trusted person is another question; see `_trusted`."""
    nobody = ValidationContext(trust_roots=[], allow_fetching=False)
    try:
        status = await async_validate_pdf_signature(
            signature, signer_validation_context=nobody, skip_diff=True
        )
    except UnacceptableSignerError as error:
        raise Invalid(UNREADABLE) from error
    if not (status.intact and status.valid):
        raise Invalid(BROKEN)


async def _trusted(certificate: x509.Certificate, signature: EmbeddedPdfSignature) -> bool | None:
    if (roots := _roots()) is None:
        return None
    context = ValidationContext(
        trust_roots=roots,
        other_certs=list(signature.other_embedded_certs),
        allow_fetching=False,
    )
    try:
        await CertificateValidator(certificate, validation_context=context).async_validate_path()
    except (PathError, ValidationError):
        return False
    return True


def _roots() -> list[x509.Certificate] | None:
    named = conf.signer_roots_file()
    return list(load_certs_from_pemder_data(Path(named).read_bytes())) if named else None
