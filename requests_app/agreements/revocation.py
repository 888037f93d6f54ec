"""Revocation data to put into the document before it is sealed (PAdES B-LT).

Long after the authorities are gone, a seal can be validated with what lies beside it: the
certificates up to the roots, and for each below a root a revocation list or an OCSP answer of the
time of sealing. They are fetched first, so they lie in what the seal covers.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from asn1crypto import crl, ocsp, x509
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, RevokedError, ValidationError
from pyhanko_certvalidator.fetchers import Fetchers
from pyhanko_certvalidator.fetchers.aiohttp_fetchers import AIOHttpFetcherBackend
from pyhanko_certvalidator.fetchers.api import FetchLimits
from pyhanko_certvalidator.path import ValidationPath

from requests_app.agreements.sealing_keys import SealKey
from requests_app.agreements.timestamps import Authority
from requests_app.errors import Misconfigured

_SECONDS_EACH: Final = 5
_SECONDS: Final = 15
_LIMITS: Final = FetchLimits(max_requests=20, max_cert_requests=5)
_LARGEST: Final = 2 * 1024 * 1024  # the document is mailed, and verified by upload


class Unavailable(Exception):
    """There is no revocation data to be had; says why."""


@dataclass(frozen=True)
class Material:
    """The validated paths of the seal's and the authority's certificates, and what shows them."""

    paths: tuple[ValidationPath, ...]
    crls: tuple[crl.CertificateList, ...]
    ocsps: tuple[ocsp.OCSPResponse, ...]

    def put_into(self, writer: IncrementalPdfFileWriter) -> None:
        """Adds the document security store (ETSI EN 319 142-1, 5.4.2) to the next revision."""
        DocumentSecurityStore.supply_dss_in_writer(
            writer, None, paths=self.paths, crls=list(self.crls), ocsps=list(self.ocsps)
        )

    def context(self, roots: Iterable[x509.Certificate]) -> ValidationContext:
        """Returns a context without a network in which every certificate needs this data."""
        return ValidationContext(
            trust_roots=list(roots),
            other_certs=[
                each for path in self.paths for each in path.iter_certs(include_root=True)
            ],
            crls=list(self.crls),
            ocsps=list(self.ocsps),
            revocation_mode="require",
            allow_fetching=False,
        )


def is_named(key: SealKey) -> bool:
    """Whether the key's certificate names a place where its revocation can be asked."""
    certificate = translate_pyca_cryptography_cert_to_asn1(key.certificate)
    return bool(certificate.crl_distribution_points or certificate.ocsp_urls)


def gather(key: SealKey, authority: Authority) -> Material:
    """Fetches the revocation data of the seal's certificate and of the authority's.

    Takes 15 seconds at most. Raises Unavailable when some is not to be had, Misconfigured when a
    certificate is revoked or the authority gives no stamp.
    """
    try:
        return asyncio.run(asyncio.wait_for(_gather(key, authority), _SECONDS))
    except RevokedError as error:
        raise Misconfigured(
            f"The seal's certificate, or the time-stamp authority's, was revoked ({error}): "
            "nothing is sealed with it. Put another in its place."
        ) from error
    except TimeoutError as error:
        raise Unavailable(f"it did not come within {_SECONDS} seconds") from error
    except (PathError, ValidationError, OSError) as error:
        raise Unavailable(str(error)) from error


async def _gather(key: SealKey, authority: Authority) -> Material:
    certificate, *chain = map(
        translate_pyca_cryptography_cert_to_asn1, (key.certificate, *key.chain)
    )
    async with AIOHttpFetcherBackend(per_request_timeout=_SECONDS_EACH, limits=_LIMITS) as fetchers:
        ours = _fetching(chain[-1:], chain, fetchers)
        theirs = _fetching(authority.roots, (), fetchers)
        validator = CertificateValidator(certificate, validation_context=ours)
        paths = [await validator.async_validate_usage({"non_repudiation"})]
        paths += [path async for path in authority.validation_paths(theirs)]  # type: ignore[no-untyped-call] # typed in parts
    material = Material(
        tuple(paths),
        crls=_once(ours.crls + theirs.crls),
        ocsps=_once(ours.ocsps + theirs.ocsps),
    )
    size = sum(len(each.dump()) for each in (*material.crls, *material.ocsps))
    if size > _LARGEST:
        raise Unavailable(f"with {size:,} bytes it is too large to embed")
    return material


def _fetching(
    roots: Iterable[x509.Certificate], others: Iterable[x509.Certificate], fetchers: Fetchers
) -> ValidationContext:
    return ValidationContext(
        trust_roots=list(roots),
        other_certs=list(others),
        allow_fetching=True,
        revocation_mode="require",
        fetchers=fetchers,
    )


def _once(found: Iterable[Any]) -> tuple[Any, ...]:
    return tuple({each.dump(): each for each in found}.values())
