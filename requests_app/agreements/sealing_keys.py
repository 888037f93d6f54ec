"""The key of the seal and its certificates: made on first start, or given as a file.

One file holds all that a worker needs: the private key, its certificate and the chain up to the
root, as PEM or PKCS#12. In the embedded shape it is made on first start together with a root of its
own (`key_making`). Where a token holds the private key (`sealing_tokens`), the file has the
certificates alone. Only the process that seals reads it; the web shows the published certificates
from the database (`certificates`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12
from django.utils import timezone

from requests_app import conf
from requests_app.agreements import key_making
from requests_app.errors import Misconfigured


@dataclass(frozen=True)
class SealKey:
    """A private key, its certificate, and the certificates above it, the root last.

    `key` is None where a token holds it.
    """

    key: PrivateKeyTypes | None = field(compare=False, repr=False)
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def sha256(self) -> str:
        """SHA-256 of the certificate (DER) in hexadecimal: the fingerprint that is published."""
        return fingerprint(self.certificate)


def fingerprint(certificate: x509.Certificate) -> str:
    """Returns the SHA-256 of a certificate's DER in hexadecimal, as `openssl x509` computes it."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def load() -> SealKey:
    """Returns the key that seals now.

    The embedded shape makes it where it is missing. Raises Misconfigured, with a sentence, when
    the file cannot be read, or its key and certificates are not usable now.
    """
    path = conf.seal_key_file()
    if conf.is_embedded() and path == conf.own_seal_key_file():
        key_making.ensure(path.parent)
    if conf.seal_pkcs11_module():
        found = _read_certificates(path)
    else:
        found = read(path, conf.seal_key_passphrase())
    _require_usable(found, path, timezone.now())
    return found


def read(path: Path, passphrase: str | None = None) -> SealKey:
    """Returns the key in a PEM or PKCS#12 file. Misconfigured when it cannot be read whole."""
    return _parse(_content(path), passphrase, path)


def _read_certificates(path: Path) -> SealKey:
    """The seal's certificate, the first one in a PEM file, and its chain: the key is in a token."""
    try:
        own, *others = x509.load_pem_x509_certificates(_content(path))
    except ValueError as error:
        raise Misconfigured(
            f"{path} holds no certificates in PEM: with CMED_SEAL_PKCS11_MODULE, put the seal's "
            "certificate into it first, then the chain up to the root."
        ) from error
    return SealKey(None, own, _chain(own, others))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"The seal's key {path} cannot be read ({error.strerror}): make the file that "
            "CMED_SEAL_KEY_FILE names readable for the worker, and for nobody else."
        ) from error


def _parse(content: bytes, passphrase: str | None, path: Path) -> SealKey:
    secret = passphrase.encode() if passphrase else None
    try:
        if b"-----BEGIN" in content:
            key = serialization.load_pem_private_key(content, secret)
            certificates = x509.load_pem_x509_certificates(content)
        else:
            key, certificates = _parse_pkcs12(content, secret)
    except (ValueError, TypeError) as error:
        raise Misconfigured(
            f"The seal's key {path} cannot be used: it must hold a private key and its "
            "certificates, as PEM or PKCS#12, and CMED_SEAL_KEY_PASSPHRASE must open it."
        ) from error
    own = [each for each in certificates if each.public_key() == key.public_key()]
    if not own:
        raise Misconfigured(f"{path} holds no certificate for the private key in it.")
    return SealKey(key, own[0], _chain(own[0], certificates))


def _parse_pkcs12(
    content: bytes, secret: bytes | None
) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
    store = pkcs12.load_pkcs12(content, secret)
    if store.key is None:
        raise ValueError("no private key")
    found = [*([store.cert] if store.cert else []), *store.additional_certs]
    return store.key, [each.certificate for each in found]


def _chain(
    certificate: x509.Certificate, certificates: list[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Follows issuers upwards for as far as the file has them."""
    chain: list[x509.Certificate] = []
    last = certificate
    while last.issuer != last.subject:
        above = next((each for each in certificates if each.subject == last.issuer), None)
        if above is None or above in chain:
            break
        chain.append(above)
        last = above
    return tuple(chain)


def _require_usable(found: SealKey, path: Path, now: datetime) -> None:
    certificate = found.certificate
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        raise Misconfigured(
            f"The seal's certificate in {path} is not valid now; it is from "
            f"{certificate.not_valid_before_utc:%d %B %Y} until "
            f"{certificate.not_valid_after_utc:%d %B %Y}. Put a new key in its place; in the "
            "embedded shape `manage.py rotate_seal_key` makes one."
        )
    if not found.chain and certificate.issuer != certificate.subject:
        raise Misconfigured(
            f"{path} lacks the certificate that issued the seal's: add the chain up to the root."
        )
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.content_commitment:
        raise Misconfigured(
            f"The seal's certificate in {path} may not be used for signatures: its key usage "
            "lacks non-repudiation (content commitment)."
        )
