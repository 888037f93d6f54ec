"""Which signatures and certificates an applicant may sign with: their kind, strength and time."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Final

from asn1crypto import x509
from asn1crypto.keys import PublicKeyInfo
from django.utils.timezone import now
from pyhanko.pdf_utils.generic import parse_pdf_date
from pyhanko.sign.validation.generic_cms import extract_self_reported_ts
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from requests_app.agreements.own_refusals import LOCKED, NOT_PADES, OUT_OF_TERM, OUT_OF_TIME, WEAK
from requests_app.errors import Invalid

SLACK: Final = timedelta(minutes=5)
"""How far a signer's clock may be off."""

_LEAST_BITS: Final = defaultdict(lambda: 2048, ec=256)
_EDWARDS: Final = {"ed25519": "Ed25519", "ed448": "Ed448"}  # of one length each, long enough
_IN_PADES: Final = frozenset({"content_type", "message_digest"})
_NAMES_CERTIFICATE: Final = frozenset({"signing_certificate", "signing_certificate_v2"})
_WEAK_DIGESTS: Final = frozenset({"md5", "sha1"})


def require_acceptable(signature: EmbeddedPdfSignature) -> None:
    """Raises Invalid for a signature of another kind, one that locks the file, or a weak one.

    Whether it fits the document is another question.
    """
    _require_its_kind(signature)
    if signature.docmdp_level is not None or signature.fieldmdp is not None:
        raise Invalid(LOCKED)
    if signature.signer_info["digest_algorithm"]["algorithm"].native in _WEAK_DIGESTS:
        raise Invalid(WEAK)


def require_in_force(signature: EmbeddedPdfSignature, issued_at: datetime) -> None:
    """Raises Invalid unless it was made since `issued_at`, with a strong certificate valid now."""
    _require_in_time(signature, issued_at)
    certificate = signature.signer_cert
    if not certificate.not_valid_before <= now() <= certificate.not_valid_after:
        raise Invalid(OUT_OF_TERM)
    if _is_short(certificate.public_key):
        raise Invalid(WEAK)


def algorithm(certificate: x509.Certificate) -> str:
    """Returns the kind of a certificate's key, such as `EC secp256r1` or `RSA 2048 bits`."""
    key = certificate.public_key
    if key.algorithm in _EDWARDS:
        return _EDWARDS[key.algorithm]
    name = key.curve[1] if key.algorithm == "ec" else f"{key.bit_size} bits"
    return f"{key.algorithm.upper()} {name}"


def _require_its_kind(signature: EmbeddedPdfSignature) -> None:
    """What a signature calls itself, and in PAdES the attributes that it must sign.

    They bind the certificate (ETSI EN 319 142-1, 6.3): another for the same key could be put in.
    """
    match signature.sig_object["/SubFilter"]:
        case "/adbe.pkcs7.detached":
            return
        case "/ETSI.CAdES.detached":
            signed = signature.signer_info["signed_attrs"]
            names = {each["type"].native for each in signed} if signed.native else set()
            if names >= _IN_PADES and names & _NAMES_CERTIFICATE:
                return
    raise Invalid(NOT_PADES)


def _require_in_time(signature: EmbeddedPdfSignature, issued_at: datetime) -> None:
    """Every time that a signature and its field may name, for readers show any of them."""
    told = [extract_self_reported_ts(signature.signer_info)]
    dated = (signature.sig_object, signature.sig_field)
    told += [parse_pdf_date(each["/M"]) for each in dated if "/M" in each]
    for at in filter(None, told):
        if not issued_at - SLACK <= at <= now() + SLACK:
            raise Invalid(OUT_OF_TIME)


def _is_short(key: PublicKeyInfo) -> bool:
    if key.algorithm in _EDWARDS:
        return False
    return bool(key.bit_size < _LEAST_BITS[key.algorithm])
