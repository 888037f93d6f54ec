"""Making the seal's key: a private key (ECDSA P-256), its certificate, and a root of one's own.

For the embedded shape, and for operators whom no authority gives a certificate. The root stays
when the key is replaced, so whoever trusts it can verify every seal that was ever made.
"""

import os
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone

from requests_app import conf
from requests_app.errors import Misconfigured

SEAL_FILE: Final = "seal.pem"
ROOT_FILE: Final = "seal-root.pem"
_SEAL_TERM: Final = timedelta(days=10 * 365)
_ROOT_TERM: Final = timedelta(days=40 * 365)
_NAME_MOST: Final = 64  # X.520: a common name has at most 64 characters


def ensure(folder: Path) -> None:
    """Makes the seal's key in `folder`, and a root if there is none, unless it is there.

    Files are readable by their owner alone. Processes that start at once agree on one key. Raises
    Misconfigured when the folder cannot be written.
    """
    if not (folder / SEAL_FILE).exists():
        _place(folder / SEAL_FILE, _new_seal(folder), replace=False)


def replace(folder: Path) -> None:
    """Makes a new key in `folder` in place of the one there, under the same root.

    The old private key is gone afterwards: nothing can be sealed with it any more. Raises
    Misconfigured when the folder cannot be written or its root cannot be used.
    """
    _place(folder / SEAL_FILE, _new_seal(folder), replace=True)


def _new_seal(folder: Path) -> bytes:
    root_key, issuer = _root(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(f"Agreement seal of {_host()}", issuer.subject, key, timezone.now(), _SEAL_TERM)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(content_commitment=True, digital_signature=True), critical=True)
        .add_extension(_authority(issuer), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    return _pem(key, certificate, issuer)


def _root(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    path = folder / ROOT_FILE
    if not path.exists():
        _place(path, _new_root(), replace=False)
    try:
        content = path.read_bytes()
        key = serialization.load_pem_private_key(content, None)
        certificate = x509.load_pem_x509_certificate(content)
    except (OSError, ValueError, TypeError) as error:
        raise Misconfigured(
            f"The seal's root {path} cannot be used: restore it from a backup, or move it away to "
            "begin with a new root."
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Misconfigured(f"The key in {path} is not one that the portal made.")
    return key, certificate


def _new_root() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Root of the seal of {_host()}")
    certificate = (
        _builder(f"Root of the seal of {_host()}", name, key, timezone.now(), _ROOT_TERM)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _pem(key, certificate)


def _builder(
    subject: str,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    term: timedelta,
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + term)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:_NAME_MOST])])


def _host() -> str:
    return urlsplit(conf.base_url()).hostname or "the dataset portal"


def _usage(**given: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**(dict.fromkeys(names.split(), False) | given))


def _authority(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)


def _pem(key: ec.EllipticCurvePrivateKey, *certificates: x509.Certificate) -> bytes:
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + b"".join(
        each.public_bytes(serialization.Encoding.PEM) for each in certificates
    )


def _place(path: Path, content: bytes, *, replace: bool) -> None:
    """Puts a whole file under its final name, mode 0600; without `replace` the first one wins."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        if replace:
            draft.replace(path)
        else:
            with suppress(FileExistsError):
                os.link(draft, path)
    except OSError as error:
        raise Misconfigured(
            f"The seal's key {path} cannot be written ({error.strerror}): make the folder "
            "writable for the user that runs the portal."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
