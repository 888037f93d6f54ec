"""A certificate authority with revocation lists, and a time-stamp authority, on this machine.

The stamps are made by `openssl ts -reply` (RFC 3161) and the answers of the responder by `openssl
ocsp` (RFC 6960); both, and the lists, are served over HTTP on loopback.
"""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone

from requests_app.agreements.sealing_keys import SealKey
from tests.factories.seals import pem

_CONFIGURATION = """
[clock]
serial = {folder}/serial
signer_cert = {folder}/clock.pem
signer_key = {folder}/clock.key
certs = {folder}/clock-root.pem
signer_digest = sha256
default_policy = 1.3.6.1.4.1.32473.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
tsa_name = yes
"""


class Issued(NamedTuple):
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


class Authority:
    """Issues certificates that name its revocation list, or its responder, or neither.

    `revoked` are serial numbers.
    """

    def __init__(self, name: str, list_address: str = "", responder_address: str = "") -> None:
        self.list_address, self.responder_address = list_address, responder_address
        self.revoked: list[int] = []
        self.issued: list[int] = []
        self.own = self._issue(name, None, ca=True)

    def issue(self, name: str, *extensions: x509.ExtensionType, **usage: bool) -> Issued:
        return self._issue(name, self.own, *extensions, **usage)

    def revocation_list(self) -> bytes:
        now = timezone.now()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.own.certificate.subject)
            .last_update(now - timedelta(hours=1))
            .next_update(now + timedelta(days=1))
        )
        for serial in self.revoked:
            one = x509.RevokedCertificateBuilder().serial_number(serial)
            builder = builder.add_revoked_certificate(
                one.revocation_date(now - timedelta(minutes=30)).build()
            )
        signed = builder.sign(self.own.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.DER)

    def responder(self) -> Issued:
        """A key and certificate that answers for the authority."""
        answering = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.OCSP_SIGNING])
        return self.issue("Responder", answering, x509.OCSPNoCheck(), digital_signature=True)

    def status_index(self) -> str:
        """What became of each certificate, as `openssl ca` writes it and `openssl ocsp` reads."""
        written = "%y%m%d%H%M%SZ"
        ends = (timezone.now() + timedelta(days=400)).strftime(written)
        then = (timezone.now() - timedelta(hours=1)).strftime(written)
        rows = []
        for serial in self.issued:
            state, since = ("R", then) if serial in self.revoked else ("V", "")
            number = serial.to_bytes(20, "big").hex().upper()
            rows.append(f"{state}\t{ends}\t{since}\t{number}\tunknown\t/CN={number}\n")
        return "".join(rows)

    def _issue(
        self,
        name: str,
        issuer: Issued | None,
        *extensions: x509.ExtensionType,
        ca: bool = False,
        **usage: bool,
    ) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        above = issuer or Issued(key, None)  # type: ignore[arg-type] # signs itself
        now, serial = timezone.now(), x509.random_serial_number()
        self.issued.append(serial)
        granted = {"key_cert_sign": True, "crl_sign": True} if ca else usage
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(above.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + timedelta(days=400))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(_usage(granted), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key()),
                critical=False,
            )
        )
        for extension in extensions:
            critical = isinstance(extension, x509.ExtendedKeyUsage)
            builder = builder.add_extension(extension, critical=critical)
        if issuer and self.list_address:
            place = x509.UniformResourceIdentifier(self.list_address)
            point = x509.DistributionPoint([place], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        if issuer and self.responder_address:
            place = x509.UniformResourceIdentifier(self.responder_address)
            access = x509.AccessDescription(x509.AuthorityInformationAccessOID.OCSP, place)
            told = x509.AuthorityInformationAccess([access])
            builder = builder.add_extension(told, critical=False)
        return Issued(key, builder.sign(above.key, hashes.SHA256()))


class World:
    """Where a seal finds stamps and lists, or, with `responders`, answers about one certificate.

    `down` names what does not answer: "lists", "responders", "clock".
    """

    def __init__(self, folder: Path, address: str, *, responders: bool = False) -> None:
        self.folder, self.address = folder, address
        self.down: set[str] = set()
        told = (
            (("", f"{address}/seals.ocsp"), ("", f"{address}/clocks.ocsp"))
            if responders
            else ((f"{address}/seals.crl",), (f"{address}/clocks.crl",))
        )
        self.seals = Authority("Root on a cliff", *told[0])
        self.clocks = Authority("Clock maker", *told[1])
        made = self.seals.issue("Seal on a cliff", content_commitment=True)
        self.key = SealKey(made.key, made.certificate, (self.seals.own.certificate,))
        self.stamps = self.asked = 0
        self.set_clock(self.clocks)

    @property
    def clock_address(self) -> str:
        return f"{self.address}/stamp"

    @property
    def roots_file(self) -> Path:
        return self.folder / "roots.pem"

    def set_clock(self, authority: Authority, *, known: bool = True) -> None:
        """Has stamps made by a clock of this authority; its root is in `roots_file` if `known`."""
        stamping = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.TIME_STAMPING])
        self.clock = authority.issue("Clock on a pier", stamping, digital_signature=True)
        (self.folder / "clock.pem").write_bytes(pem(self.clock.certificate))
        (self.folder / "clock.key").write_bytes(private_pem(self.clock.key))
        (self.folder / "clock-root.pem").write_bytes(pem(authority.own.certificate))
        (self.folder / "serial").write_text("01\n")
        (self.folder / "clock.cnf").write_text(_CONFIGURATION.format(folder=self.folder))
        if known:
            self.roots_file.write_bytes(pem(authority.own.certificate))

    def key_file(self) -> Path:
        path = self.folder / "seal.pem"
        path.write_bytes(
            private_pem(self.key.key) + pem(self.key.certificate, *self.key.chain)  # type: ignore[arg-type]
        )
        return path

    def answer(self, path: str, question: bytes) -> bytes | None:
        match path:
            case "/stamp" if "clock" not in self.down:
                return self._stamp(question)
            case "/seals.crl" if "lists" not in self.down:
                return self.seals.revocation_list()
            case "/clocks.crl" if "lists" not in self.down:
                return self.clocks.revocation_list()
            case "/seals.ocsp" if "responders" not in self.down:
                return self._status(self.seals, question)
            case "/clocks.ocsp" if "responders" not in self.down:
                return self._status(self.clocks, question)
        return None

    def _status(self, authority: Authority, question: bytes) -> bytes:
        self.asked += 1
        answering = authority.responder()
        at = self.folder / f"responder-{self.asked}"
        at.mkdir()
        (at / "index").write_text(authority.status_index())
        (at / "question").write_bytes(question)
        (at / "authority.pem").write_bytes(pem(authority.own.certificate))
        (at / "responder.pem").write_bytes(pem(answering.certificate))
        (at / "responder.key").write_bytes(private_pem(answering.key))
        command = ["openssl", "ocsp", "-index", at / "index", "-CA", at / "authority.pem"]
        command += ["-rsigner", at / "responder.pem", "-rkey", at / "responder.key"]
        command += ["-reqin", at / "question", "-respout", at / "answer", "-ndays", "1"]
        subprocess.run(command, check=True, capture_output=True)
        return (at / "answer").read_bytes()

    def _stamp(self, question: bytes) -> bytes:
        self.stamps += 1
        asked, reply = self.folder / "question.tsq", self.folder / "reply.tsr"
        asked.write_bytes(question)
        command = ["openssl", "ts", "-reply", "-config", self.folder / "clock.cnf"]
        command += ["-section", "clock", "-queryfile", asked, "-out", reply]
        subprocess.run(command, check=True, capture_output=True)
        return reply.read_bytes()


@contextmanager
def running(folder: Path, *, responders: bool = False) -> Iterator[World]:
    """Serves a `World` on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
    address = f"http://127.0.0.1:{server.server_port}"
    server.world = World(folder, address, responders=responders)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.world  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, question: bytes) -> None:
        answer = self.server.world.answer(self.path, question)  # type: ignore[attr-defined]
        self.send_response(503 if answer is None else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(answer or b"")))
        self.end_headers()
        self.wfile.write(answer or b"")

    def log_message(self, *args: Any) -> None:
        pass


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _usage(given: dict[str, bool]) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**(dict.fromkeys(names.split(), False) | given))
