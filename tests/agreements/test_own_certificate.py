"""An agreement signed with the applicant's own certificate: what is accepted, and nothing else."""

import json
import shutil
import subprocess
from datetime import timedelta
from io import BytesIO

import pytest
from django.core.cache import cache
from django.utils import timezone
from jsonschema import Draft202012Validator
from pyhanko.sign.fields import MDPPerm
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText

from requests_app.agreements import (
    certificates,
    documents,
    gathering,
    own_certificate,
    own_refusals,
    own_signing,
    sealing_keys,
)
from requests_app.agreements.cosigning import cosign
from requests_app.agreements.own_certificate import MOST_ADDED
from requests_app.agreements.own_refusals import (
    BROKEN,
    ELSEWHERE,
    LOCKED,
    MORE_CHANGED,
    NOT_OURS,
    NOT_SIGNED,
    ONE_ONLY,
    OUT_OF_TERM,
    WEAK,
)
from requests_app.agreements.pdf import render_pdf
from requests_app.agreements.signing import sign
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import Finding, verify
from requests_app.audit import kinds, log
from requests_app.audit.models import Entry
from requests_app.errors import Conflict, Invalid, NotFound
from requests_app.lifecycle import sweep
from requests_app.notifications.models import Message
from requests_app.requests.states import State
from tests.agreements.test_evidence_schema import SCHEMA
from tests.factories.agreements import document_input, ready_request, signature
from tests.factories.cosigning import cosignature, ready_together
from tests.factories.own_certificates import certificate, sign_pdf
from tests.factories.requests import UserFactory
from tests.factories.seals import pem, rendered_pdf


@pytest.fixture(scope="module")
def issued() -> bytes:
    return own_certificate.with_place_to_sign(rendered_pdf())


@pytest.fixture(scope="module")
def ada():
    return certificate()


def added(content: bytes) -> bytes:
    """The PDF with a comment on its first page, saved incrementally."""
    writer = PdfWriter(BytesIO(content), incremental=True)
    writer.add_annotation(0, FreeText(text="Also gulls.", rect=(50, 50, 200, 100)))
    saved = BytesIO()
    writer.write(saved)
    return saved.getvalue()


def with_a_page(content: bytes) -> bytes:
    writer = PdfWriter(BytesIO(content), incremental=True)
    writer.add_blank_page(200, 200)
    saved = BytesIO()
    writer.write(saved)
    return saved.getvalue()


class TestWhatIsAccepted:
    @pytest.mark.parametrize("kind", ["P-256", "RSA", "Ed25519", "Ed448"])
    def test_one_signature_by_any_certificate_and_what_it_says(self, issued, kind):
        pair = certificate("Łukasz Żółć 陈伟", kind=kind)
        found = own_certificate.check(
            issued=issued, uploaded=sign_pdf(issued, pair), issued_at=timezone.now()
        )
        assert "Łukasz Żółć 陈伟" in found.subject
        assert found.trusted is None
        names = {"P-256": "EC secp256r1", "RSA": "RSA 2048 bits"}
        assert found.algorithm == names.get(kind, kind)
        assert abs(found.signed_at - timezone.now()) < timedelta(minutes=5)

    def test_whether_it_leads_to_a_trusted_root_is_told_where_roots_are_given(
        self, issued, settings, tmp_path
    ):
        root = certificate("A root")
        settings.SIGNER_ROOTS_FILE = str(tmp_path / "roots.pem")
        (tmp_path / "roots.pem").write_bytes(pem(root[1]))
        below = certificate(issuer=root)
        for pair, trusted in ((below, True), (certificate(), False)):
            found = own_certificate.check(
                issued=issued, uploaded=sign_pdf(issued, pair), issued_at=timezone.now()
            )
            assert found.trusted is trusted


REFUSED = {
    "another document": (
        NOT_OURS,
        lambda it, ada: sign_pdf(
            own_certificate.with_place_to_sign(render_pdf(document_input(purpose="x"))), ada
        ),
    ),
    "one byte changed before signing": (
        NOT_OURS,
        lambda it, ada: sign_pdf(it.replace(b"%PDF-1.7", b"%PDF-1.6", 1), ada),
    ),
    "saved anew": (NOT_OURS, lambda it, ada: sign_pdf(_rewritten(it), ada)),
    "not signed": (NOT_SIGNED, lambda it, ada: it),
    "a comment before signing": (MORE_CHANGED, lambda it, ada: sign_pdf(added(it), ada)),
    "a page before signing": (MORE_CHANGED, lambda it, ada: sign_pdf(with_a_page(it), ada)),
    "a comment after signing": (None, lambda it, ada: added(sign_pdf(it, ada))),
    "a page after signing": (None, lambda it, ada: with_a_page(sign_pdf(it, ada))),
    "two signatures": (ONE_ONLY, lambda it, ada: sign_pdf(sign_pdf(it, ada), ada, field="Two")),
    "a field of its own": (ELSEWHERE, lambda it, ada: sign_pdf(it, ada, field="Another")),
    "a picture over the first page": (
        ELSEWHERE,
        lambda it, ada: sign_pdf(it, ada, field="Over", box=(0, 0, 595, 842)),
    ),
    "a key of 1,024 bits": (WEAK, lambda it, ada: sign_pdf(it, certificate(kind="RSA-1024"))),
    "a certification": (
        LOCKED,
        lambda it, ada: sign_pdf(it, ada, certify=True, docmdp_permissions=MDPPerm.FILL_FORMS),
    ),
    "an expired certificate": (OUT_OF_TERM, lambda it, ada: sign_pdf(it, certificate(days=-1))),
    "SHA-1": (WEAK, lambda it, ada: sign_pdf(it, ada, md_algorithm="sha1")),
    "a flipped byte of the signature": (None, lambda it, ada: _flipped(sign_pdf(it, ada), len(it))),
    "garbage after it": (NOT_SIGNED, lambda it, ada: it + b"garbage"),
    "too much after it": (MORE_CHANGED, lambda it, ada: it + b"%" * (MOST_ADDED + 1)),
    "no PDF": (NOT_OURS, lambda it, ada: b"PK\3\4"),
    "nothing": (NOT_OURS, lambda it, ada: b""),
}


def _rewritten(content: bytes) -> bytes:
    saved = BytesIO()
    PdfWriter(clone_from=PdfReader(BytesIO(content))).write(saved)
    return saved.getvalue()


def _flipped(signed: bytes, start: int) -> bytes:
    """One hexadecimal digit in the middle of the signature's own bytes is another."""
    at = signed.index(b"/Contents <", start) + 600
    other = b"0" if signed[at : at + 1] != b"0" else b"1"
    return signed[:at] + other + signed[at + 1 :]


@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_refused_with_what_to_do(issued, ada, name):
    sentence, make = REFUSED[name]
    with pytest.raises(Invalid) as refusal:
        own_certificate.check(issued=issued, uploaded=make(issued, ada), issued_at=timezone.now())
    known = {value for value in vars(own_refusals).values() if isinstance(value, str)}
    assert refusal.value.message == (sentence or refusal.value.message)
    assert refusal.value.message in known
    assert refusal.value.message != BROKEN or sentence is None


@pytest.mark.parametrize("every", [97])
def test_a_flipped_byte_anywhere_is_found(issued, ada, every):
    signed = sign_pdf(issued, ada)
    contents = signed.index(b"/Contents <", len(issued))
    end = signed.index(b">", contents)
    for at in range(len(issued), len(signed), every):
        if contents + 10 < at < end:
            continue  # the signature's own bytes, which it cannot cover
        damaged = signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]
        with pytest.raises(Invalid):
            own_certificate.check(issued=issued, uploaded=damaged, issued_at=timezone.now())


def chosen(**fields):
    """A request whose applicant chose to sign with a certificate, and its agreement."""
    access_request = ready_request(**fields)
    agreement = sign(**signature(access_request, own_certificate=True))
    access_request.refresh_from_db()
    return access_request, agreement


@pytest.mark.django_db
class TestTheWay:
    def test_the_document_is_issued_signed_sealed_and_countersigned(self, ada, tmp_path):
        access_request, agreement = chosen()
        assert access_request.state == State.DRAFT
        assert not documents.waiting().exists()
        issued = own_signing.issue_document(agreement_id=agreement.pk)
        assert own_signing.issue_document(agreement_id=agreement.pk) is None
        assert Message.objects.filter(name="document_issued").count() == 1
        signed = sign_pdf(bytes(issued.content), ada)
        own_signing.accept(
            access_request_id=access_request.pk, by=access_request.applicant, content=signed
        )
        access_request.refresh_from_db()
        assert access_request.state == State.SUBMITTED
        assert documents.waiting().get() == agreement
        sealed = documents.render_document(agreement_id=agreement.pk)
        assert bytes(sealed.content).startswith(signed)
        both = documents.countersign_document(agreement_id=agreement.pk)
        for document, seals in ((sealed, 1), (both, 2)):
            verdict = verify(bytes(document.content), Trust.published())
            assert verdict.finding is Finding.GENUINE, verdict.sentence
            assert len(verdict.facts.seals) == seals
            [own] = verdict.facts.own_signatures
            assert own.intact
            assert "Ada Larus" in own.subject
        entry = Entry.objects.get(kind=kinds.AGREEMENT_SIGNED_WITH_CERTIFICATE)
        assert entry.details["trusted"] is None
        assert "Ada Larus" in entry.personal_values.get(field="subject").value
        if shutil.which("pdfsig"):
            (tmp_path / "all.pdf").write_bytes(bytes(both.content))
            told = subprocess.run(
                ["pdfsig", "-nocert", tmp_path / "all.pdf"],
                capture_output=True,
                text=True,
                check=False,
            ).stdout
            assert told.count("Signature is Valid") == 3
            assert told.count("Total document signed") == 1

    def test_a_name_that_cannot_be_shown_is_kept_legible(self):
        access_request, agreement = chosen()
        issued = own_signing.issue_document(agreement_id=agreement.pk)
        signed = sign_pdf(bytes(issued.content), certificate("Ada\0\nLarus"))
        kept = own_signing.accept(
            access_request_id=access_request.pk, by=access_request.applicant, content=signed
        )
        for name in ("subject", "issuer"):
            assert kept.certificate[name] == "Common Name: Ada??Larus"

    def test_a_key_that_was_replaced_since_the_document_was_issued_makes_nothing_in_it_untrue(
        self, ada, tmp_path, settings
    ):
        settings.SEAL_KEY_FILE = str(tmp_path / "nothing.pem")  # nor is the key read to issue it
        access_request, agreement = chosen()
        issued = own_signing.issue_document(agreement_id=agreement.pk)
        settings.SEAL_KEY_FILE = str(settings.VAR_DIR / "keys" / "seal.pem")
        before = sealing_keys.load().sha256
        by = access_request.applicant
        signed = sign_pdf(bytes(issued.content), ada)
        own_signing.accept(access_request_id=access_request.pk, by=by, content=signed)
        certificates.rotate(by=log.OPERATOR)
        sealed = documents.render_document(agreement_id=agreement.pk)
        pdf = PdfReader(BytesIO(sealed.content))
        text = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
        noted = json.loads(pdf.attachments["evidence.json"][0])
        Draft202012Validator(SCHEMA).validate(noted)
        assert set(noted["seal"]) == {"kind", "verify_url", "certificates_url"}
        after = sealing_keys.load().sha256
        for named in (before, after, "B-B", "own clock"):
            assert named not in text
        assert "its level, its time and its certificate stand in the seal itself" in text
        assert "The Applicant signs this document first" in text
        told = verify(bytes(sealed.content), Trust.published())
        assert told.finding is Finding.GENUINE
        assert told.facts.seals[0].certificate_sha256 == after != before
        assert after in certificates.published()
        _, seal = pdf.get_fields().values()
        assert seal["/V"]["/Reason"].endswith("(PAdES B-B)")

    def test_a_document_is_issued_when_all_others_have_signed(self, ada):
        access_request = ready_together("Bea Sterna")
        agreement = sign(**signature(access_request, own_certificate=True))
        assert own_signing.issue_document(agreement_id=agreement.pk) is None
        cosign(**cosignature(agreement.signatories.get()))
        issued = own_signing.issue_document(agreement_id=agreement.pk)
        access_request.refresh_from_db()
        assert access_request.state == State.DRAFT
        text = " ".join(page.extract_text() for page in PdfReader(BytesIO(issued.content)).pages)
        assert "Bea Sterna" in text
        own_signing.accept(
            access_request_id=access_request.pk,
            by=access_request.applicant,
            content=sign_pdf(bytes(issued.content), ada),
        )
        access_request.refresh_from_db()
        assert access_request.state == State.SUBMITTED

    def test_what_is_wrong_is_told_and_nothing_moves(self):
        access_request, agreement = chosen()
        by = access_request.applicant
        with pytest.raises(Conflict):
            own_signing.accept(access_request_id=access_request.pk, by=by, content=b"")
        issued = own_signing.issue_document(agreement_id=agreement.pk)
        content = bytes(issued.content)
        with pytest.raises(Invalid) as refusal:
            own_signing.accept(access_request_id=access_request.pk, by=by, content=content)
        assert refusal.value.fields == {"signed": [NOT_SIGNED]}
        with pytest.raises(NotFound):
            own_signing.accept(
                access_request_id=access_request.pk, by=UserFactory(), content=content
            )
        access_request.refresh_from_db()
        assert access_request.state == State.DRAFT

    def test_one_file_is_checked_at_a_time_and_only_who_has_the_turn_gives_it_back(
        self, ada, monkeypatch
    ):
        access_request, agreement = chosen()
        issued = own_signing.issue_document(agreement_id=agreement.pk)
        arguments = {"access_request_id": access_request.pk, "by": access_request.applicant}
        signed = sign_pdf(bytes(issued.content), ada)
        cache.set(own_signing._CHECKING, "another", timeout=60)
        with pytest.raises(Conflict, match="another file"):
            own_signing.accept(**arguments, content=signed)
        cache.delete(own_signing._CHECKING)

        def slow(issued, content):
            cache.set(own_signing._CHECKING, "the next one", timeout=60)
            raise Invalid(NOT_SIGNED)

        monkeypatch.setattr(own_signing, "_check", slow)
        with pytest.raises(Invalid):
            own_signing.accept(**arguments, content=signed)
        assert cache.get(own_signing._CHECKING) == "the next one"
        cache.delete(own_signing._CHECKING)

    def test_the_way_back_is_to_stop_and_sign_here(self):
        access_request, agreement = chosen()
        own_signing.issue_document(agreement_id=agreement.pk)
        gathering.stop_collecting(access_request_id=access_request.pk, by=agreement.signer)
        assert own_signing.issued_for(access_request) is None
        sign(**signature(access_request))
        access_request.refresh_from_db()
        assert access_request.state == State.SUBMITTED

    def test_the_sweep_issues_what_was_lost(self, django_capture_on_commit_callbacks):
        access_request, _ = chosen()
        with django_capture_on_commit_callbacks(execute=True):
            assert sweep.sweep()["documents to sign"] == 1
        assert own_signing.issued_for(access_request) is not None
