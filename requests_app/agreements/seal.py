"""Setting the seal: a PAdES signature by the portal over the whole of a PDF.

The first seal certifies the document (ISO 32000-2, 12.8.2.2): after it nothing but a further
signature is permitted. The countersignature is a second seal in an incremental update, so the first
one stays as it is, and the last one covers the whole file.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
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
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer, SimpleSigner
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko_certvalidator.registry import SimpleCertificateStore

from requests_app import conf
from requests_app.agreements import revocation, sealing_keys, sealing_tokens, timestamps
from requests_app.agreements.revocation import Material
from requests_app.agreements.sealing_keys import SealKey
from requests_app.agreements.timestamps import Authority
from requests_app.errors import Misconfigured

_log = logging.getLogger(__name__)


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
    """What a seal proves of its time, and brings to be validated by (ETSI EN 319 142-1)."""

    B_B = "B-B"
    B_T = "B-T"
    B_LT = "B-LT"


@dataclass(frozen=True)
class Seal:
    """What seals now: the key, the level its seals have, and what that level needs."""

    key: SealKey
    level: Level
    authority: Authority | None = None
    material: Material | None = None

    @property
    def dated_by(self) -> str:
        """Whose word the time of the seal is, as `evidence.SealNote` has it."""
        if self.authority is None:
            return "portal"
        return "trusted authority" if self.authority.roots else "authority"


_DIGEST: Final = "sha256"


def prepare() -> Seal:
    """Returns what seals now, at the best level there is to be had.

    B-B without a time-stamp authority and B-T with one; B-LT if moreover its roots are given, the
    seal's certificate names where its revocation is told, and all of that can be fetched now. If
    it cannot, the reason is logged and the seal is B-T. Raises Misconfigured when the key cannot
    be used, is revoked, or the authority gives no stamp that may be relied on.
    """
    key = sealing_keys.load()
    if not conf.timestamp_url():
        return Seal(key, Level.B_B)
    authority = Authority(conf.timestamp_url(), timestamps.roots())
    if not (authority.roots and revocation.is_named(key)):
        return Seal(key, Level.B_T, authority)
    try:
        material = revocation.gather(key, authority)
    except revocation.Unavailable as error:
        _log.warning("Sealing at B-T instead of B-LT: no revocation data, %s.", error)
        return Seal(key, Level.B_T, authority)
    # The stamp itself must be covered by the data as well: an authority may have several keys.
    authority.judge_by(lambda: material.context(authority.roots))
    return Seal(key, Level.B_LT, authority, material)


def seal_pdf(content: bytes, seal: Seal, role: Role, *, certify: bool = True) -> bytes:
    """Returns `content` with a seal added as an incremental update.

    Its reason, which readers show, names its level. The first seal certifies, unless `certify` is
    false: a document that its applicant signed can not be certified any more, since only the first
    signature of a file may.
    Raises Misconfigured when the key may not sign or the time-stamp authority gives no stamp; then
    there is no document at all. The network is used for that stamp only.
    """
    metadata = PdfSignatureMetadata(
        field_name=role.field,
        md_algorithm=_DIGEST,
        subfilter=SigSeedSubFilter.PADES,
        name=_common_name(seal.key.certificate),
        location=conf.base_url(),
        reason=f"{role.reason} (PAdES {seal.level.value})",
        certify=certify and role is Role.SEAL,
        docmdp_permissions=MDPPerm.FILL_FORMS,
    )
    sealed = BytesIO()
    try:
        writer = IncrementalPdfFileWriter(BytesIO(content))
        if seal.material:
            seal.material.put_into(writer)
        with signer_with(seal.key) as signer:
            field = SigFieldSpec(role.field, readable_field_name=role.reason)
            PdfSigner(metadata, signer, timestamper=seal.authority, new_field_spec=field).sign_pdf(
                writer, output=sealed
            )
    except (SigningError, PdfError, TimestampRequestError) as error:
        raise Misconfigured(f"The agreement could not be sealed: {error}.") from error
    return sealed.getvalue()


@contextmanager
def signer_with(key: SealKey) -> Iterator[Signer]:
    """Yields what signs with the portal's key, wherever the key lies."""
    if key.key is None:
        with sealing_tokens.signer(key) as signer:
            yield signer
        return
    certificates = map(translate_pyca_cryptography_cert_to_asn1, key.chain)
    yield SimpleSigner(
        signing_cert=translate_pyca_cryptography_cert_to_asn1(key.certificate),
        signing_key=translate_pyca_cryptography_key_to_asn1(key.key),
        cert_registry=SimpleCertificateStore.from_certs(certificates),
    )


def _common_name(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else certificate.subject.rfc4514_string()
