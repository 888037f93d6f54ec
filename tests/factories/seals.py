"""Keys, certificates and sealed documents."""

from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from requests_app.agreements import key_making, sealing_keys
from requests_app.agreements.pdf import render_pdf
from requests_app.agreements.seal import Level, Role, Seal, seal_pdf
from requests_app.agreements.sealing_keys import SealKey
from tests.factories.agreements import document_input


def key_in(folder: Path) -> SealKey:
    """A key of its own, with a root of its own, made in `folder`."""
    key_making.ensure(folder)
    return sealing_keys.read(folder / key_making.SEAL_FILE)


@cache  # the same bytes each time
def rendered_pdf() -> bytes:
    """An agreement that nobody has signed or sealed."""
    return render_pdf(document_input())


def sealed_pdf(key: SealKey) -> bytes:
    """A rendered agreement with the portal's seal."""
    return seal_pdf(rendered_pdf(), Seal(key, Level.B_B), Role.SEAL)


def countersigned_pdf(key: SealKey) -> bytes:
    """A rendered agreement with both seals."""
    return seal_pdf(sealed_pdf(key), Seal(key, Level.B_B), Role.COUNTERSIGNATURE)


def pem(*certificates: x509.Certificate) -> bytes:
    encoding = serialization.Encoding.PEM
    return b"".join(each.public_bytes(encoding) for each in certificates)


def as_pkcs12(key: SealKey, passphrase: str) -> bytes:
    secret = serialization.BestAvailableEncryption(passphrase.encode())
    return pkcs12.serialize_key_and_certificates(
        b"seal", key.key, key.certificate, key.chain, secret
    )
