import re
import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO

import pytest
from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils import timezone
from pyhanko.keys.internal import (
    translate_pyca_cryptography_cert_to_asn1,
    translate_pyca_cryptography_key_to_asn1,
)
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pypdf import PdfReader

from requests_app.agreements.seal import Level, Role, Seal, seal_pdf
from requests_app.agreements.timestamps import Authority
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import Finding, verify
from requests_app.errors import Misconfigured
from tests.factories.seals import countersigned_pdf, pem


@pytest.fixture(scope="module")
def countersigned(key):
    return countersigned_pdf(key)


def judged(content: bytes, key):
    """pyHanko's own verdict on each seal, offline, with our root."""
    root = translate_pyca_cryptography_cert_to_asn1(key.chain[-1])
    reader = PdfFileReader(BytesIO(content))
    return {
        seal.field_name: validate_pdf_signature(seal, ValidationContext(trust_roots=[root]))
        for seal in reader.embedded_signatures
    }


def test_pyhanko_finds_the_seal_valid_and_the_whole_file_covered(sealed, key):
    [(name, status)] = judged(sealed, key).items()
    assert name == "PortalSeal"
    assert status.bottom_line
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE


def test_the_countersignature_leaves_the_first_seal_as_it_is(sealed, countersigned, key):
    statuses = judged(countersigned, key)
    assert list(statuses) == ["PortalSeal", "LabCountersignature"]
    assert all(status.bottom_line for status in statuses.values())
    assert statuses["PortalSeal"].coverage is SignatureCoverageLevel.ENTIRE_REVISION
    assert statuses["PortalSeal"].modification_level is ModificationLevel.FORM_FILLING
    assert statuses["LabCountersignature"].coverage is SignatureCoverageLevel.ENTIRE_FILE
    again = seal_pdf(sealed, Seal(key, Level.B_B), Role.COUNTERSIGNATURE)
    assert again.startswith(sealed)


def test_poppler_finds_both_seals_valid_and_the_whole_file_covered(countersigned, tmp_path):
    assert shutil.which("pdfsig"), "install poppler-utils"
    path = tmp_path / "agreement.pdf"
    path.write_bytes(countersigned)
    told = subprocess.run(["pdfsig", str(path)], capture_output=True, text=True, check=False).stdout
    assert told.count("Signature Validation: Signature is Valid.") == 2
    assert told.count("Signature Type: ETSI.CAdES.detached") == 2
    assert told.count("Signing Hash Algorithm: SHA-256") == 2
    assert "Total document signed" in told.split("Signature #2")[1]


def test_it_stays_pdf_a_3_with_its_evidence(countersigned):
    reader = PdfReader(BytesIO(countersigned))
    metadata = reader.root_object["/Metadata"].get_object().get_data().decode()
    assert 'pdfaid:part="3"' in metadata
    assert list(reader.attachments) == ["evidence.json"]
    for field in reader.get_fields().values():
        for widget in [field.indirect_reference.get_object()]:
            # ISO 19005-3, 6.3.2: every widget is printed, none hidden; 6.3.3: or has no extent.
            assert int(widget["/F"]) & 0b100111 == 0b000100
            assert [int(edge) for edge in widget["/Rect"]] == [0, 0, 0, 0]


def test_only_a_further_signature_is_permitted_after_the_seal(sealed):
    permissions = PdfReader(BytesIO(sealed)).root_object["/Perms"]["/DocMDP"]
    [reference] = permissions["/Reference"]
    assert (reference["/TransformMethod"], reference["/TransformParams"]["/P"]) == ("/DocMDP", 2)


def test_what_is_not_a_pdf_and_a_seal_set_twice_are_refused(key, sealed):
    for content in (b"", b"%PDF-1.7 nothing", sealed):
        with pytest.raises(Misconfigured, match="could not be sealed"):
            seal_pdf(content, Seal(key, Level.B_B), Role.SEAL)


@pytest.fixture
def authority(key):
    """A time-stamp authority on this machine; `broken` makes it answer nonsense."""
    secret = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    stamper = DummyTimeStamper(
        tsa_cert=translate_pyca_cryptography_cert_to_asn1(_tsa_certificate(secret)),
        tsa_key=translate_pyca_cryptography_key_to_asn1(secret),
    )

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = tsp.TimeStampReq.load(self.rfile.read(int(self.headers["Content-Length"])))
            answer = b"no" if server.broken else stamper.request_tsa_response(asked).dump()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answering)
    server.broken = False
    server.stamper = stamper
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _tsa_certificate(secret):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Clock on a pier")])
    stamping = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.TIME_STAMPING])
    now = timezone.now()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(stamping, critical=True)
        .sign(secret, hashes.SHA256())
    )


def test_nothing_is_judged_by_a_stamp_that_anybody_could_have_put_there(authority, key, sealed):
    authority.stamper.fixed_dt = datetime(2001, 1, 1, tzinfo=UTC)
    seal = Seal(key, Level.B_T, Authority(f"http://127.0.0.1:{authority.server_port}/"))
    stamped = seal_pdf(sealed, seal, Role.COUNTERSIGNATURE)
    assert judged(stamped, key)["PortalSeal"].timestamp_validity is None
    verdict = verify(stamped, Trust.from_pem(pem(*key.chain, key.certificate)))
    assert verdict.finding is Finding.GENUINE
    seen = verdict.facts.seals[-1]
    assert timezone.now() - seen.at < timedelta(minutes=5)
    assert "Clock on a pier" in seen.stamped_by


def test_without_a_stamp_there_is_no_seal(authority, key, sealed):
    authority.broken = True
    seal = Seal(key, Level.B_T, Authority(f"http://127.0.0.1:{authority.server_port}/"))
    with pytest.raises(Misconfigured, match="time-stamp authority"):
        seal_pdf(sealed, seal, Role.COUNTERSIGNATURE)
    with pytest.raises(Misconfigured, match=re.escape("http://")):
        Authority("file:///etc/passwd")
