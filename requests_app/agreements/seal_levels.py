"""What level a seal has (ETSI EN 319 142-1), and what its time stamp is worth. Never fetches."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import extract_signer_info
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.generic_cms import (
    message_imprint_checker,
    validate_tst_signed_data,
)
from pyhanko_certvalidator import CertificateValidator, ValidationContext

from requests_app.agreements.seal_marks import Mark, time_stamps


@dataclass(frozen=True)
class Stamp:
    """The time stamp of a seal: whom it names, and what is known of that authority.

    `standing` is "trusted" if its certificate leads to one of the roots asked for, "not trusted" if
    it does not, "not checked" if there are none. Whatever it is, the stamp lies outside of what the
    seal covers, so whoever has the file can put one there: the seal is not judged by it. `at` is
    when it was given: what it stamps, the seal, was there by then.
    """

    names: str
    standing: str
    at: datetime
    token: cms.SignedData


def stamp_of(mark: Mark, roots: tuple[x509.Certificate, ...]) -> Stamp | None:
    """Returns the first time stamp that fits the seal; None where there is none."""
    for token in time_stamps(mark):
        moment = token["encap_content_info"]["content"].parsed["gen_time"].native
        context = ValidationContext(trust_roots=list(roots), moment=moment, allow_fetching=False)
        told = _validated(mark, token, context)
        if told is not None:
            trusted = "trusted" if told["validation_path"] is not None else "not trusted"
            names = str(told["signing_cert"].subject.human_friendly)
            return Stamp(names, trusted if roots else "not checked", moment, token)
    return None


def level_of(mark: Mark, stamp: Stamp | None, reader: PdfFileReader) -> str:
    """Returns the level of a seal in the sealed bytes that `reader` has.

    B-LT is a property of the document: it holds, up to the roots it brings, all that the seal's and
    the stamp's certificates need. Whether those roots are to be trusted is another question.
    """
    if stamp is None:
        return "B-B"
    return "B-LT" if _lasts(mark, stamp, reader) else "B-T"


def _lasts(mark: Mark, stamp: Stamp, reader: PdfFileReader) -> bool:
    try:
        context = _brought(reader, stamp.at)
        path = CertificateValidator(mark.certificate, validation_context=context)
        asyncio.run(path.async_validate_usage({"non_repudiation"}))
        told = _validated(mark, stamp.token, context)
    except Exception:  # noqa: BLE001 - an applicant's program may have put anything there
        return False
    return told is not None and told["validation_path"] is not None


def _brought(reader: PdfFileReader, at: datetime) -> ValidationContext:
    store = DocumentSecurityStore.read_dss(reader)
    brought = list(store.load_certs())
    return store.as_validation_context(
        {
            "trust_roots": [each for each in brought if each.issuer == each.subject],
            "moment": at,
            "revocation_mode": "require",
        }
    )


def _validated(
    mark: Mark, token: cms.SignedData, context: ValidationContext
) -> dict[str, Any] | None:
    check = message_imprint_checker(extract_signer_info(mark.signed_data))
    told = asyncio.run(validate_tst_signed_data(token, context, check))
    return told if told["intact"] and told["valid"] else None
