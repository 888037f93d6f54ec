"""Certificates of applicants, and PDFs signed with them as a signing program does."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from pyhanko.keys.internal import (
    translate_pyca_cryptography_cert_to_asn1,
    translate_pyca_cryptography_key_to_asn1,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko_certvalidator.registry import SimpleCertificateStore

from requests_app.agreements.own_certificate import FIELD

Pair = tuple[Any, x509.Certificate]


def certificate(
    name: str = "Ada Larus", *, kind: str = "P-256", days: int = 365, issuer: Pair | None = None
) -> Pair:
    """A key and a certificate for it that began `days` before it ends or a year ago; by itself or
    by `issuer`."""
    key = _key(kind)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    signing = issuer[0] if issuer else key
    digest = None if isinstance(signing, _EDWARDS) else hashes.SHA256()
    return key, builder.sign(signing, digest)


_EDWARDS = (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)


def _key(kind: str) -> Any:
    match kind:
        case "Ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "Ed448":
            return ed448.Ed448PrivateKey.generate()
        case "RSA" | "RSA-1024":
            size = 1024 if kind == "RSA-1024" else 2048
            return rsa.generate_private_key(public_exponent=65537, key_size=size)
    return ec.generate_private_key(ec.SECP256R1())


def _interface(key: Any) -> type | None:
    return next((each for each in _EDWARDS if isinstance(key, each)), None)


def sign_with_poppler(content: bytes, pair: Pair, folder: Path) -> bytes:
    """The PDF signed by another program than ours: poppler's `pdfsig`, which keeps keys in NSS."""
    store, key, taken = f"sql:{folder}", folder / "key.p12", folder / "in.pdf"
    taken.write_bytes(content)
    protection = serialization.BestAvailableEncryption(b"larus")
    key.write_bytes(pkcs12.serialize_key_and_certificates(b"ada", *pair, None, protection))
    for command in (
        ["certutil", "-N", "-d", store, "--empty-password"],
        ["pk12util", "-i", key, "-d", store, "-W", "larus", "-K", ""],
        ["certutil", "-M", "-d", store, "-n", "ada", "-t", "CT,CT,CT"],
    ):
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
    command = [
        "pdfsig",
        "-nssdir",
        store,
        "-nick",
        "ada",
        "-sign",
        FIELD,
        taken,
        folder / "out.pdf",
    ]
    # It makes the signature twice, once to measure it, and gives up when they differ in length,
    # as those of elliptic curves do every other time.
    for _ in range(40):
        if subprocess.run(command, check=False, capture_output=True, cwd=folder).returncode == 0:
            return (folder / "out.pdf").read_bytes()
    raise RuntimeError("pdfsig does not sign.")


def sign_pdf(
    content: bytes,
    pair: Pair,
    *,
    field: str = FIELD,
    edit: Callable[[IncrementalPdfFileWriter], None] = lambda writer: None,
    **metadata: Any,
) -> bytes:
    """The PDF with one signature of `pair` added in an incremental update; `edit` adds to it."""
    key, made = pair
    signer = SimpleSigner(
        signing_cert=translate_pyca_cryptography_cert_to_asn1(made),
        signing_key=translate_pyca_cryptography_key_to_asn1(key),
        cert_registry=SimpleCertificateStore(),
    )
    arguments: dict[str, Any] = {
        "field_name": field,
        # These keys prescribe the digest (RFC 8419).
        "md_algorithm": {
            ed25519.Ed25519PrivateKey: "sha512",
            ed448.Ed448PrivateKey: "shake256",
        }.get(_interface(key), "sha256"),
        "subfilter": SigSeedSubFilter.PADES,
    }
    box = metadata.pop("box", None)
    pdf_signer = PdfSigner(
        PdfSignatureMetadata(**(arguments | metadata)),
        signer,
        # A place that is there already is filled in; otherwise a new one is made.
        new_field_spec=None if field == FIELD else SigFieldSpec(field, box=box, on_page=0),
    )
    signed = BytesIO()
    writer = IncrementalPdfFileWriter(BytesIO(content))
    edit(writer)
    pdf_signer.sign_pdf(writer, output=signed)
    return signed.getvalue()


def sign_with_openssl(
    content: bytes,
    pair: Pair,
    folder: Path,
    *options: str,
    subfilter: SigSeedSubFilter = SigSeedSubFilter.ADOBE_PKCS7_DETACHED,
    covered: bytes | None = None,
) -> bytes:
    """The PDF with a signature of OpenSSL's (`openssl cms -sign`) in the place that was issued.

    With `covered` it is over those bytes instead of the document's.
    """
    writing = PdfCMSEmbedder().write_cms(FIELD, IncrementalPdfFileWriter(BytesIO(content)))
    next(writing)
    writing.send(SigObjSetup(SignatureObject(timestamp=datetime.now(UTC), subfilter=subfilter)))
    # The digest that pyHanko computes here is not asked for; OpenSSL reads the bytes themselves.
    prepared, output = writing.send(SigIOSetup(md_algorithm="sha256", in_place=True))
    whole = output.getvalue()
    start, end = prepared.reserved_region_start, prepared.reserved_region_end
    (folder / "covered").write_bytes(covered or whole[:start] + whole[end:])
    write_pem(pair, folder, "own")
    command = "openssl cms -sign -binary -in covered -signer own.pem -inkey own.key"
    command += " -outform DER -out signature"
    subprocess.run([*command.split(), *options], check=True, capture_output=True, cwd=folder)
    placed = (folder / "signature").read_bytes().hex().encode()
    return whole[: start + 1] + placed.ljust(end - start - 2, b"0") + whole[end - 1 :]


def write_pem(pair: Pair, folder: Path, name: str) -> None:
    """Leaves the certificate and its key as files in `folder`: `name`.pem and `name`.key."""
    key, made = pair
    encoding = serialization.Encoding.PEM
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / f"{name}.pem").write_bytes(made.public_bytes(encoding))
    (folder / f"{name}.key").write_bytes(key.private_bytes(encoding, form, plain))
