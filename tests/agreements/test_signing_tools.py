"""Signatures of other tools than ours: OpenSSL's, poppler's, and what programs add for later."""

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from django.utils import timezone
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1 as as_asn1
from pyhanko.keys.internal import translate_pyca_cryptography_key_to_asn1 as key_as_asn1
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter, append_signature_field
from pyhanko.sign.signers import PdfTimeStamper
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

from requests_app.agreements import documents, own_certificate, own_refusals, own_signing
from requests_app.agreements.inspection import shown
from requests_app.agreements.own_refusals import (
    BROKEN,
    MORE_CHANGED,
    NO_CERTIFICATE,
    NOT_PADES,
    ONE_ONLY,
    UNREADABLE,
    WEAK,
)
from requests_app.agreements.pdf import render_pdf
from requests_app.agreements.seal import Level, Role, Seal, seal_pdf
from requests_app.agreements.signing import sign
from requests_app.agreements.timestamps import Authority
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import Finding, verify
from requests_app.errors import Invalid
from tests.factories import authorities
from tests.factories.agreements import document_input, ready_request, signature
from tests.factories.own_certificates import (
    certificate,
    sign_pdf,
    sign_with_openssl,
    sign_with_poppler,
    write_pem,
)
from tests.factories.seals import pem

PADES, ADOBE = SigSeedSubFilter.PADES, SigSeedSubFilter.ADOBE_PKCS7_DETACHED


@pytest.fixture(scope="module")
def issued() -> bytes:
    return own_certificate.with_place_to_sign(render_pdf(document_input()))


@pytest.fixture(scope="module")
def ada():
    return certificate()


@pytest.fixture(scope="module")
def signed(issued, ada) -> bytes:
    return sign_pdf(issued, ada)


def check(issued: bytes, uploaded: bytes) -> own_certificate.Certificate:
    return own_certificate.check(issued=issued, uploaded=uploaded, issued_at=timezone.now())


def refusal(issued: bytes, uploaded: bytes) -> str:
    with pytest.raises(Invalid) as refused:
        check(issued, uploaded)
    known = {value for value in vars(own_refusals).values() if isinstance(value, str)}
    assert refused.value.message in known
    return refused.value.message


class TestOpenSSL:
    @pytest.mark.parametrize(
        ("kind", "options", "subfilter"),
        [
            ("P-256", [], ADOBE),
            ("P-256", ["-cades"], PADES),
            ("P-256", ["-md", "sha512"], ADOBE),
            ("P-256", ["-noattr"], ADOBE),  # adbe.pkcs7.detached may sign the digest alone
            ("RSA", [], ADOBE),
            ("RSA", ["-cades"], PADES),
            ("RSA", ["-keyopt", "rsa_padding_mode:pss"], ADOBE),
        ],
    )
    def test_what_it_signs_is_accepted(self, issued, tmp_path, kind, options, subfilter):
        pair = certificate(kind=kind)
        content = sign_with_openssl(issued, pair, tmp_path, *options, subfilter=subfilter)
        assert check(issued, content).subject == "Common Name: Ada Larus"

    @pytest.mark.parametrize(
        ("kind", "how", "sentence"),
        [
            ("P-256", ([], PADES), NOT_PADES),  # it does not name its certificate
            ("P-256", (["-noattr"], PADES), NOT_PADES),
            ("P-256", ([], SigSeedSubFilter.ETSI_RFC3161), NOT_PADES),
            ("P-256", (["-nocerts"], ADOBE), NO_CERTIFICATE),
            ("P-256", (["-md", "sha1"], ADOBE), WEAK),
            ("RSA", (["-md", "md5"], ADOBE), WEAK),
            ("RSA-1024", ([], ADOBE), WEAK),
            ("P-256", (["-signer", "two.pem", "-inkey", "two.key"], ADOBE), UNREADABLE),
        ],
    )
    def test_what_is_none_is_refused_with_what_to_do(self, issued, tmp_path, kind, how, sentence):
        options, subfilter = how
        write_pem(certificate("Bea Sterna"), tmp_path, "two")
        pair = certificate(kind=kind)
        content = sign_with_openssl(issued, pair, tmp_path, *options, subfilter=subfilter)
        assert refusal(issued, content) == sentence

    def test_a_signature_over_another_document_is_broken(self, issued, ada, tmp_path):
        content = sign_with_openssl(issued, ada, tmp_path, covered=b"something else")
        assert refusal(issued, content) == BROKEN


class TestPoppler:
    pytestmark = pytest.mark.skipif(
        not all(map(shutil.which, ("pdfsig", "certutil", "pk12util"))),
        reason="needs poppler and NSS",
    )

    @pytest.mark.parametrize("kind", ["P-256", "RSA"])
    def test_what_it_signs_is_accepted(self, issued, tmp_path, kind):
        content = sign_with_poppler(issued, certificate(kind=kind), tmp_path)
        assert check(issued, content).subject == "Common Name: Ada Larus"


@pytest.mark.django_db
@pytest.mark.parametrize("options", [[], ["-noattr"]])
def test_a_document_that_openssl_signed_is_sealed_and_countersigned(tmp_path, options):
    access_request = ready_request()
    agreement = sign(**signature(access_request, own_certificate=True))
    issued = bytes(own_signing.issue_document(agreement_id=agreement.pk).content)
    content = sign_with_openssl(issued, certificate(), tmp_path, *options)
    by = access_request.applicant
    own_signing.accept(access_request_id=access_request.pk, by=by, content=content)
    holds_with_both_seals(agreement, tmp_path)


def holds_with_both_seals(agreement, folder: Path) -> None:
    documents.render_document(agreement_id=agreement.pk)
    made = bytes(documents.countersign_document(agreement_id=agreement.pk).content)
    found = verify(made, Trust.published())
    assert found.finding is Finding.GENUINE, found.sentence
    [own] = found.facts.own_signatures
    assert own.intact
    if shutil.which("pdfsig"):
        (folder / "all.pdf").write_bytes(made)
        command = ["pdfsig", "-nocert", folder / "all.pdf"]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        assert told.count("Signature is Valid") == 3


def with_store(content: bytes, pair, edit=lambda writer: None) -> bytes:
    """The signed file as Acrobat and others leave it: validation data in an update of its own."""
    writer, saved = IncrementalPdfFileWriter(BytesIO(content)), BytesIO()
    DocumentSecurityStore.supply_dss_in_writer(writer, None, certs=[as_asn1(pair[1])])
    edit(writer)
    writer.write(saved)
    return saved.getvalue()


def first_page(writer) -> generic.DictionaryObject:
    return writer.root["/Pages"]["/Kids"][0]


def commented(writer) -> None:
    page = first_page(writer)
    note = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/FreeText"),
            pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (50, 50, 300, 90))),
            pdf_name("/Contents"): generic.pdf_string("Not agreed to."),
        }
    )
    page["/Annots"] = generic.ArrayObject([writer.add_object(note)])
    writer.update_container(page)


def redrawn(writer) -> None:
    page = first_page(writer)
    stream = generic.StreamObject(stream_data=b"0 0 300 300 re f")
    page["/Contents"] = writer.add_object(stream)
    writer.update_container(page)


def redrawn_in_place(writer) -> None:
    contents = first_page(writer).raw_get("/Contents")
    stream = generic.StreamObject(stream_data=b"0 0 300 300 re f")
    writer.objects[(contents.generation, contents.idnum)] = stream


def other_pages(writer) -> None:
    writer.root["/Pages"] = writer.add_object(generic.DictionaryObject(writer.root["/Pages"]))
    writer.update_root()


def opens_with_a_script(writer) -> None:
    writer.root["/OpenAction"] = generic.DictionaryObject(
        {pdf_name("/S"): pdf_name("/JavaScript"), pdf_name("/JS"): generic.pdf_string("1")}
    )
    writer.update_root()


def other_form(writer) -> None:
    form = generic.DictionaryObject(writer.root["/AcroForm"])
    form["/NeedAppearances"] = generic.BooleanObject(True)
    writer.root["/AcroForm"] = form
    writer.update_root()


def another_field(writer) -> None:
    box = (0, 0, 595, 842)
    append_signature_field(writer, SigFieldSpec("Over", box=box, on_page=0))


def a_picture_for_the_field(writer) -> None:
    field = writer.root["/AcroForm"]["/Fields"][0]
    field["/Rect"] = generic.ArrayObject(map(generic.NumberObject, (0, 0, 595, 842)))
    writer.update_container(field)


def retitled(writer) -> None:
    info = writer.trailer["/Info"]
    info["/Title"] = generic.pdf_string("VOID")
    writer.update_container(info)


def of_another_type(writer) -> None:
    """A text in place of a name: a reader that asks for a catalogue finds none."""
    writer.root["/Type"] = generic.pdf_string("/Catalog")
    writer.update_root()


EDITS = (
    of_another_type,
    commented,
    redrawn,
    redrawn_in_place,
    other_pages,
    opens_with_a_script,
    other_form,
    another_field,
    a_picture_for_the_field,
    retitled,
)


class TestValidationData:
    """PAdES B-LT: behind the signature one more update, with a store and nothing else."""

    def test_it_is_accepted_and_nothing_that_is_shown_changes(self, issued, ada, signed):
        content = with_store(signed, ada)
        assert check(issued, content) == check(issued, signed)
        assert shown(PdfFileReader(BytesIO(content))) == shown(PdfFileReader(BytesIO(issued)))

    @pytest.mark.parametrize("edit", EDITS)
    def test_anything_that_comes_with_it_is_refused(self, issued, ada, signed, edit):
        assert refusal(issued, with_store(signed, ada, edit)) == MORE_CHANGED

    @pytest.mark.parametrize("edit", EDITS)
    def test_anything_that_comes_without_it_is_refused(self, issued, signed, edit):
        writer, saved = IncrementalPdfFileWriter(BytesIO(signed)), BytesIO()
        edit(writer)
        writer.write(saved)
        assert refusal(issued, saved.getvalue()) == MORE_CHANGED

    def test_an_update_without_a_store_is_refused(self, issued, signed):
        writer, saved = IncrementalPdfFileWriter(BytesIO(signed)), BytesIO()
        writer.update_root()
        writer.write(saved)
        assert refusal(issued, saved.getvalue()) == MORE_CHANGED

    def test_a_second_update_behind_it_is_refused(self, issued, ada, signed):
        twice = with_store(with_store(signed, ada), certificate("Bea Sterna"))
        assert refusal(issued, twice) == MORE_CHANGED

    def test_a_store_before_the_signature_is_refused(self, issued, ada):
        assert refusal(issued, sign_pdf(with_store(issued, ada), ada)) == MORE_CHANGED

    def test_objects_that_stand_where_no_section_names_them_are_refused(self, issued, ada, signed):
        """A reader that looks for itself would find another first page."""
        content = with_store(signed, ada)
        page = PdfFileReader(BytesIO(signed)).root["/Pages"].raw_get("/Kids")
        number = list.__iter__(page).__next__().idnum
        hidden = b"\n%d 0 obj\n<< /Type /Page >>\nendobj\n" % number
        end = content.rindex(b"startxref")
        assert refusal(issued, content[:end] + hidden + content[end:]) == MORE_CHANGED

    @pytest.mark.parametrize(
        "head",
        [b"%d\x000\x00obj", b"%d %%\n0 obj", b"%d 0 %% at last\nobj", b"%013d 0 obj", b"%d 0obj"],
    )
    def test_nor_are_they_when_they_are_spelt_as_only_a_reader_knows(
        self, issued, ada, signed, head
    ):
        """Null is a space, and a comment may stand wherever one may (ISO 32000-2, 7.2.3 and 4)."""
        content = with_store(signed, ada)
        hidden = b"\n" + head % 3 + b"\n<< /Type /Page >>\nendobj\n"
        end = content.rindex(b"startxref")
        assert refusal(issued, content[:end] + hidden + content[end:]) == MORE_CHANGED

    @pytest.mark.parametrize("store", ["nothing", "gulls", "no certificate"])
    def test_a_store_that_cannot_be_read_is_refused(self, issued, ada, signed, store):
        """The portal's seal could not be measured against it, nor its own data be put there."""

        def spoil(writer) -> None:
            stream = writer.add_object(generic.StreamObject(stream_data=b"gulls"))
            writer.root["/DSS"] = {
                "nothing": generic.NullObject(),
                "gulls": generic.pdf_string("gulls"),
                "no certificate": generic.DictionaryObject(
                    {pdf_name("/Certs"): generic.ArrayObject([stream])}
                ),
            }[store]
            writer.update_root()

        refusal(issued, with_store(signed, ada, spoil))

    @pytest.mark.parametrize("kind", ["/OCSPs", "/CRLs"])
    def test_what_the_seal_is_not_judged_by_does_not_make_it_unreadable(
        self, issued, ada, signed, kind, tmp_path
    ):
        """An applicant could otherwise bring what makes nobody able to verify what they signed."""

        def brings(writer) -> None:
            stream = writer.add_object(generic.StreamObject(stream_data=b"\x30\x03\x02\x01\x07"))
            writer.root["/DSS"][kind] = generic.ArrayObject([stream])

        content = with_store(signed, ada, brings)
        check(issued, content)
        with authorities.running(tmp_path) as world:
            authority = Authority(world.clock_address, ())
            sealed = seal_pdf(
                content, Seal(world.key, Level.B_T, authority), Role.SEAL, certify=False
            )
        found = verify(sealed, Trust.from_pem(pem(*world.key.chain, world.key.certificate)))
        assert found.finding is Finding.GENUINE, found.sentence
        assert [seal.level for seal in found.facts.seals] == ["B-T"]

    def test_a_document_time_stamp_behind_it_is_a_second_signature(self, issued, signed):
        stamper = PdfTimeStamper(dummy_clock())
        saved = BytesIO()
        writer = IncrementalPdfFileWriter(BytesIO(signed))
        stamper.timestamp_pdf(writer, "sha256", output=saved)
        assert refusal(issued, saved.getvalue()) == ONE_ONLY

    @pytest.mark.django_db
    def test_it_is_sealed_and_countersigned(self, ada, tmp_path):
        access_request = ready_request()
        agreement = sign(**signature(access_request, own_certificate=True))
        issued = bytes(own_signing.issue_document(agreement_id=agreement.pk).content)
        content = with_store(sign_pdf(issued, ada), ada)
        by = access_request.applicant
        own_signing.accept(access_request_id=access_request.pk, by=by, content=content)
        holds_with_both_seals(agreement, tmp_path)


def dummy_clock() -> DummyTimeStamper:
    pair = certificate("A clock", kind="RSA")
    return DummyTimeStamper(
        tsa_cert=as_asn1(pair[1]),
        tsa_key=key_as_asn1(pair[0]),
    )
