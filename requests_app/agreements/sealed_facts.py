"""What a sealed agreement says of itself. Only for bytes that a seal of ours covers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.generic_cms import validate_sig_integrity
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from requests_app.agreements.evidence import parse_instant
from requests_app.agreements.seal_levels import level_of, stamp_of
from requests_app.agreements.seal_marks import Mark
from requests_app.agreements.trust import Trust, fingerprint

ROLES = {"PortalSeal": "seal of the portal", "LabCountersignature": "countersignature of the lab"}


@dataclass(frozen=True)
class Signer:
    """Who signed, as typed and stated, and when (aware): simple electronic signature.

    `role` is applicant, member or institution.
    """

    name: str
    position: str
    institution: str
    role: str
    signed_at: datetime


@dataclass(frozen=True)
class SealSeen:
    """One seal: what it is, when it was set (aware), and with which certificate.

    `at` is the portal's word, which the seal covers. `stamped_by` names the time-stamp authority
    and `stamp` says what it is worth (see `seal_levels.Stamp`), both empty without one;
    `stamped_at` is the stamp's time. `invalid_from` is from when on its certificate was declared
    invalid.
    """

    role: str
    level: str
    at: datetime
    stamped_by: str
    stamp: str
    certificate_sha256: str
    subject: str
    stamped_at: datetime | None = None
    invalid_from: datetime | None = None


@dataclass(frozen=True)
class OwnSignatureSeen:
    """A signature that the applicant put with their certificate before the portal sealed.

    `intact` says that it fits what it covers; the portal vouches for no more than that it was there
    when it sealed. `at` is the signer's own word, None when it names no time.
    """

    subject: str
    certificate_sha256: str
    at: datetime | None
    intact: bool


@dataclass(frozen=True)
class Facts:
    """What the sealed evidence says."""

    number: str
    text_number: int
    dataset: str
    signed_at: datetime
    signers: tuple[Signer, ...]
    seals: tuple[SealSeen, ...]
    own_signatures: tuple[OwnSignatureSeen, ...] = ()


def read_facts(sealed: bytes, found: list[Mark], trust: Trust) -> Facts:
    """Returns the facts of a document that ends where its last seal does; `found` are its seals.

    They are told in the order in which they cover it. Raises ValueError when the last one is in no
    field of the document: what covers all of it would not be told.
    """
    reader = PdfFileReader(BytesIO(sealed))
    evidence = evidence_in(reader)
    # Their bytes in the file: to dump what was parsed may order it anew, and then it fits no more.
    by_content = {mark.contents: mark for mark in found}
    in_fields = [
        (by_content[bytes(signature.pkcs7_content)], signature)
        for signature in reader.embedded_signatures
        if bytes(signature.pkcs7_content) in by_content
    ]
    in_fields.sort(key=lambda pair: pair[0].end)
    if not in_fields or in_fields[-1][0].end != len(sealed):
        raise ValueError("The last seal is in no field.")
    return Facts(
        number=evidence["number"],
        text_number=evidence["text_number"],
        dataset=evidence["dataset"],
        signed_at=parse_instant(evidence["signed_at"]),
        signers=tuple(_signers(evidence)),
        seals=tuple(_seal(each, mark, reader, trust) for mark, each in in_fields),
        own_signatures=tuple(
            _own(signature)
            for signature in reader.embedded_signatures
            if bytes(signature.pkcs7_content) not in by_content
        ),
    )


def _signers(evidence: dict[str, Any]) -> Iterator[Signer]:
    """The applicant, then the others who signed; documents of the first format have none."""
    institution = evidence["institution"]
    at = parse_instant(evidence["signed_at"])
    yield Signer(evidence["typed_name"], evidence["position"], institution, "applicant", at)
    for party in evidence.get("signatories", []):
        if told := party["evidence"]:
            # A member may work elsewhere; who signs for the institution does not.
            where = institution if party["role"] == "institution" else ""
            at = parse_instant(told["signed_at"])
            yield Signer(told["typed_name"], party["position"], where, party["role"], at)


def in_time(facts: Facts, found: list[Mark]) -> bool:
    """Whether each seal was set while its certificate was valid."""
    terms = {
        fingerprint(each.certificate): (
            each.certificate.not_valid_before,
            each.certificate.not_valid_after,
        )
        for each in found
    }
    return all(
        terms[seal.certificate_sha256][0] <= seal.at <= terms[seal.certificate_sha256][1]
        for seal in facts.seals
    )


def evidence_in(reader: PdfFileReader) -> dict[str, Any]:
    """Returns the evidence that a document embeds."""
    attached = reader.root["/AF"][0]
    return dict(json.loads(attached["/EF"]["/F"].data))


def _seal(signature: Any, mark: Mark, reader: PdfFileReader, trust: Trust) -> SealSeen:
    stamp = stamp_of(mark, trust.clocks)
    sha256 = fingerprint(mark.certificate)
    return SealSeen(
        role=ROLES[signature.field_name],
        level=level_of(mark, stamp, reader),
        at=signature.self_reported_timestamp,
        stamped_by=stamp.names if stamp else "",
        stamp=stamp.standing if stamp else "",
        certificate_sha256=sha256,
        subject=mark.certificate.subject.human_friendly,
        stamped_at=stamp.at if stamp else None,
        invalid_from=trust.revoked.get(sha256),
    )


def _own(signature: EmbeddedPdfSignature) -> OwnSignatureSeen:
    told = validate_sig_integrity(
        signature.signer_info, signature.signer_cert, "data", signature.compute_digest()
    )
    return OwnSignatureSeen(
        subject=signature.signer_cert.subject.human_friendly,
        certificate_sha256=fingerprint(signature.signer_cert),
        at=signature.self_reported_timestamp,
        intact=all(told),
    )
