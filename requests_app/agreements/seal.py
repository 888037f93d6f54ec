"""Setting the seal: a PAdES signature by the portal over the whole of a PDF.

The first seal certifies the document (ISO 32000-2, 12.8.2.2): after it nothing but a further
signature is permitted. The countersignature is a second seal in an incremental update, so the first
one stays as it is, and the last one covers the whole file.
"""

from dataclasses import dataclass
from enum import Enum
from io import BytesIO
from typing import Final

from cryptography import x509
from pyhanko.keys.internal import (
    translate_pyca_cryptography_cert_to_asn1,
    translate_pyca_cryptography_key_to_asn1,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko_certvalidator.registry import SimpleCertificateStore

from requests_app import conf
from requests_app.agreements.sealing_keys import SealKey
from requests_app.agreements.timestamps import Authority
from requests_app.errors import Misconfigured


class Role(Enum):
    """Which of an agreement's two seals: the name of its field, and the reason readers show."""

    SEAL = ("PortalSeal", "Seal of the portal over the agreement and the evidence of its signature")
    COUNTERSIGNATURE = ("LabCountersignature", "Countersigned by the lab: the request is approved")

    @property
    def field(self) -> str:
        return self.value[0]

    @property
    def reason(self) -> str:
        return self.value[1]


class Level(Enum):
    """What a seal proves about its time (ETSI EN 319 142-1)."""

    B_B = "B-B"
    B_T = "B-T"


@dataclass(frozen=True)
class Seal:
    """What seals now: the key, and the level its seals have."""

    key: SealKey
    level: Level


_DIGEST: Final = "sha256"


def level_now() -> Level:
    """Returns the level that a seal set now has: B-T with a time-stamp authority, else B-B."""
    return Level.B_T if conf.timestamp_url() else Level.B_B


def seal_pdf(content: bytes, seal: Seal, role: Role, *, certify: bool = True) -> bytes:
    """Returns `content` with a seal added as an incremental update.

    The first seal certifies, unless `certify` is false: a document that its applicant signed can
    not be certified any more, since only the first signature of a file may.
    Raises Misconfigured when the key may not sign or the time-stamp authority gives no stamp; then
    there is no document at all. The network is used for level B-T only.
    """
    metadata = PdfSignatureMetadata(
        field_name=role.field,
        md_algorithm=_DIGEST,
        subfilter=SigSeedSubFilter.PADES,
        name=_common_name(seal.key.certificate),
        location=conf.base_url(),
        reason=role.reason,
        certify=certify and role is Role.SEAL,
        docmdp_permissions=MDPPerm.FILL_FORMS,
    )
    stamper = Authority(conf.timestamp_url()) if seal.level is Level.B_T else None
    signer = PdfSigner(
        metadata, _signer(seal.key), timestamper=stamper, new_field_spec=SigFieldSpec(role.field)
    )
    sealed = BytesIO()
    try:
        signer.sign_pdf(IncrementalPdfFileWriter(BytesIO(content)), output=sealed)
    except (SigningError, PdfError, TimestampRequestError) as error:
        raise Misconfigured(f"The agreement could not be sealed: {error}.") from error
    return sealed.getvalue()


def _signer(key: SealKey) -> SimpleSigner:
    certificates = map(translate_pyca_cryptography_cert_to_asn1, key.chain)
    return SimpleSigner(
        signing_cert=translate_pyca_cryptography_cert_to_asn1(key.certificate),
        signing_key=translate_pyca_cryptography_key_to_asn1(key.key),
        cert_registry=SimpleCertificateStore.from_certs(certificates),
    )


def _common_name(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else certificate.subject.rfc4514_string()
