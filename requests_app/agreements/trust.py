"""Which certificates make a seal ours."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256

from asn1crypto import x509
from pyhanko.keys.pemder import load_certs_from_pemder_data
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError

from requests_app.agreements import certificates, timestamps
from requests_app.errors import Invalid


@dataclass(frozen=True)
class Trust:
    """The certificates that seals are measured against.

    Where certificates that seal are named, a seal must be made with one of them: an authority's
    root may stand above many others. Where only roots are named, everything below them counts.
    `clocks` are the roots of time-stamp authorities; without any, stamps are not checked. `revoked`
    has the SHA-256 of each certificate that was declared invalid, and from when on.
    """

    sealing: frozenset[str]
    authorities: tuple[x509.Certificate, ...]
    clocks: tuple[x509.Certificate, ...] = ()
    revoked: Mapping[str, datetime] = field(default_factory=dict)

    @classmethod
    def published(cls) -> "Trust":
        """Returns the trust in every certificate that this portal has sealed with.

        Time-stamp authorities are measured against CMED_TIMESTAMP_ROOTS_FILE.
        """
        text = certificates.published()
        found = cls.from_pem(text.encode()) if text else cls(frozenset(), ())
        return replace(found, clocks=timestamps.roots())

    @classmethod
    def from_pem(cls, content: bytes) -> "Trust":
        """Returns the trust in the certificates of a PEM text; Invalid when there is none.

        What `certificates.published` says of them beside is read, too.
        """
        try:
            found = list(load_certs_from_pemder_data(content))
            authorities = tuple(each for each in found if each.ca)
        except ValueError as error:
            raise Invalid("This is not a list of certificates in PEM.") from error
        if not found:
            raise Invalid("There is no certificate in this file.")
        sealing = frozenset(fingerprint(each) for each in found if each not in authorities)
        return cls(sealing, authorities, revoked=certificates.revoked_in(content))

    def holds(self, certificate: x509.Certificate, others: list[x509.Certificate]) -> bool:
        """Whether a seal made with `certificate` is ours; `others` came along with the seal."""
        if self.sealing:
            return fingerprint(certificate) in self.sealing
        # Judged at the beginning of its term: whether it was valid when it sealed is asked later.
        context = ValidationContext(
            trust_roots=list(self.authorities),
            other_certs=others,
            moment=certificate.not_valid_before,
            allow_fetching=False,
        )
        try:
            path = CertificateValidator(certificate, validation_context=context)
            asyncio.run(path.async_validate_usage({"non_repudiation"}))
        except (PathError, ValidationError):
            return False
        return True


def fingerprint(certificate: x509.Certificate) -> str:
    """Returns the SHA-256 of the certificate's DER in hexadecimal."""
    return sha256(certificate.dump()).hexdigest()
