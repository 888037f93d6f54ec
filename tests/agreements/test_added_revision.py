"""A signed upload leads back into the document that was issued, and adds nothing but a signature.

That it begins with the issued bytes is not enough: a reader starts at the end of a file.
"""

import shutil
from datetime import timedelta
from io import BytesIO

import pytest
import time_machine
from django.utils import timezone
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import ObjectStream, copy_into_new_writer

from requests_app.agreements import documents, own_certificate, own_signing
from requests_app.agreements.added_revision import is_one_update
from requests_app.agreements.inspection import Unsound
from requests_app.agreements.models import AgreementDocument
from requests_app.agreements.own_refusals import MORE_CHANGED, OUT_OF_TIME
from requests_app.agreements.own_signature_kinds import SLACK
from requests_app.agreements.own_signatures import OwnSignature
from requests_app.agreements.pdf import render_pdf
from requests_app.agreements.seal import Level, Role, Seal, seal_pdf
from requests_app.agreements.signing import sign
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import Finding, verify
from requests_app.errors import Invalid
from tests.factories.agreements import document_input, ready_request, signature
from tests.factories.own_certificates import certificate, sign_pdf, sign_with_poppler
from tests.factories.seals import key_in, pem, rendered_pdf

OTHER = "EVERYTHING IS ALLOWED, the Recipient may publish all faces."


@pytest.fixture(scope="module")
def issued() -> bytes:
    return own_certificate.with_place_to_sign(rendered_pdf())


@pytest.fixture(scope="module")
def ada():
    return certificate()


def check(issued, uploaded, **more):
    return own_certificate.check(
        issued=issued, uploaded=uploaded, **{"issued_at": timezone.now()} | more
    )


def other_behind(issued):
    """The issued bytes, and behind them a whole other document, whose sections lead to itself."""
    both = BytesIO()
    both.write(issued + b"\n")
    other = render_pdf(document_input(purpose=OTHER))
    copy_into_new_writer(PdfFileReader(BytesIO(other))).write(both)
    return own_certificate.with_place_to_sign(both.getvalue())


def with_update(content):
    writer, saved = IncrementalPdfFileWriter(BytesIO(content)), BytesIO()
    writer.update_root()
    writer.write(saved)
    return saved.getvalue()


def retitled(writer):
    info = writer.trailer["/Info"]
    info["/Title"] = generic.pdf_string("VOID - not agreed to")
    writer.update_container(info)


def keyworded(writer):
    info = writer.trailer["/Info"]
    info["/Keywords"] = generic.pdf_string("draft")
    writer.update_container(info)


def redated(writer):
    info = writer.trailer["/Info"]
    info["/ModDate"] = generic.pdf_string("D:20260131093000Z")
    info["/Producer"] = generic.pdf_string("A signing program")
    writer.update_container(info)


def said_otherwise(old, new):
    def edit(writer):
        meta = writer.root["/Metadata"]
        changed = meta.data.replace(old, new)
        assert changed != meta.data
        meta._data, meta._encoded_data = changed, None
        writer.update_container(meta)

    return edit


def packed(writer):
    """A new object that nothing refers to, in an object stream."""
    stream = writer.prepare_object_stream()
    writer.add_object(generic.DictionaryObject({pdf_name("/Odd"): pdf_name("/End")}), stream)


def packed_with_more(writer):
    """The same, and in the stream another object in place of one that was issued."""
    packed(writer)
    stream = writer.object_streams[-1]
    stream.add_object(9, generic.DictionaryObject({pdf_name("/Odd"): pdf_name("/End")}))


class Misnamed(ObjectStream):
    """Says at its head that it holds object 9, where the section says that it is another one."""

    def as_pdf_object(self):
        [(number, _)] = self
        made = super().as_pdf_object()
        made._data = made.data.replace(b"%d 0 " % number, b"9 0 ".rjust(len(b"%d 0 " % number)), 1)
        made._encoded_data = None
        return made


def packed_under_another_number(writer):
    packed(writer)
    writer.object_streams[-1].__class__ = Misnamed


def dated(writer, at="D:20200101000000Z"):
    """The field bears a date, as poppler gives it one."""
    field = writer.root["/AcroForm"]["/Fields"][0]
    field["/M"] = generic.pdf_string(at)
    writer.update_container(field)


def dated_now(writer):
    dated(writer, f"D:{timezone.now():%Y%m%d%H%M%SZ}")


REFUSED = {
    "an object packed under another number": lambda it, ada: sign_pdf(
        it, ada, edit=packed_under_another_number
    ),
    "an object replaced in an object stream": lambda it, ada: sign_pdf(
        it, ada, edit=packed_with_more
    ),
    "another document behind": lambda it, ada: sign_pdf(other_behind(it), ada),
    "an update between": lambda it, ada: sign_pdf(with_update(it), ada),
    "an object that no section names": lambda it, ada: sign_pdf(
        it + b"\n9 0 obj\n<</Odd/End>>\nendobj\n", ada
    ),
    "an end of its own between": lambda it, ada: sign_pdf(
        it + b"\nstartxref\n0\n%%EOF\n" + it[it.rindex(b"startxref") :], ada
    ),
    "a range of its own": lambda it, ada: sign_pdf(
        it + b"\n%" + b"/ByteRange [0 1 2 3] " * 40 + b"\n", ada
    ),
    "another title": lambda it, ada: sign_pdf(it, ada, edit=retitled),
    "keywords": lambda it, ada: sign_pdf(it, ada, edit=keyworded),
    "another title in XMP": lambda it, ada: sign_pdf(
        it, ada, edit=said_otherwise(b"Agreement", b"VOID")
    ),
    "another sort of file in XMP": lambda it, ada: sign_pdf(
        it, ada, edit=said_otherwise(b'pdfaid:part="3"', b'pdfaid:part="1"')
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_more_than_a_signature_is_refused(issued, ada, name):
    with pytest.raises(Invalid) as refusal:
        check(issued, REFUSED[name](issued, ada))
    assert refusal.value.message == MORE_CHANGED


@pytest.mark.parametrize("edit", [redated, packed, dated_now])
def test_what_signing_programs_add_is_accepted(issued, ada, edit):
    assert check(issued, sign_pdf(issued, ada, edit=edit)).signed_at


def test_an_end_that_names_another_place_is_refused(issued, ada):
    """Readers that trust the last number, and those that look for it, must come to the same."""
    signed = sign_pdf(issued, ada)
    start = signed.rindex(b"startxref") + 10
    place = int(signed[start:].split()[0])
    reader = PdfFileReader(BytesIO(signed))
    moved = signed[:start] + b"%d\n%%%%EOF\n" % (place - 1)
    before = PdfFileReader(BytesIO(issued))
    assert is_one_update(before, reader, signed, len(issued))
    assert not is_one_update(before, reader, moved, len(issued))


def test_an_update_of_another_document_or_none_at_all_is_not_one(issued, ada):
    signed = sign_pdf(issued, ada)
    after = PdfFileReader(BytesIO(signed))
    other = own_certificate.with_place_to_sign(render_pdf(document_input(purpose=OTHER)))
    assert not is_one_update(PdfFileReader(BytesIO(other)), after, signed, len(issued))
    assert not is_one_update(after, after, signed, len(issued))


@pytest.mark.parametrize("offset", [timedelta(days=-100), SLACK * -2, SLACK * 2])
def test_a_time_before_the_issue_or_ahead_is_refused(issued, offset):
    pair = certificate(days=3650)
    with time_machine.travel(timezone.now() + offset):
        signed = sign_pdf(issued, pair)
    with pytest.raises(Invalid) as refusal:
        check(issued, signed)
    assert refusal.value.message == OUT_OF_TIME


def test_nor_may_the_field_name_another_time(issued, ada):
    with pytest.raises(Invalid) as refusal:
        check(issued, sign_pdf(issued, ada, edit=dated))
    assert refusal.value.message == OUT_OF_TIME


def test_a_clock_that_is_a_little_off_is_no_matter(issued, ada):
    with time_machine.travel(timezone.now() - SLACK / 2):
        signed = sign_pdf(issued, ada)
    assert check(issued, signed).signed_at < timezone.now()


def test_ranges_in_a_text_hide_no_seal(issued, tmp_path):
    """Those who answer may write what they like, also what a signature names its range with."""
    key = key_in(tmp_path)
    text = b"\n%" + b"/ByteRange [0 1 2 3] " * 40 + b"\n"
    sealed = seal_pdf(issued + text, Seal(key, Level.B_B), Role.SEAL)
    found = verify(sealed, Trust.from_pem(pem(*key.chain, key.certificate)))
    assert found.finding is Finding.GENUINE, found.sentence


@pytest.mark.django_db
def test_the_seal_is_not_put_on_another_document_even_if_it_came_so_far(ada):
    """The portal looks at its own document as a reader would, before it keeps it."""
    access_request = ready_request()
    agreement = sign(**signature(access_request, own_certificate=True))
    issued = own_signing.issue_document(agreement_id=agreement.pk)
    content = sign_pdf(other_behind(bytes(issued.content)), ada)
    OwnSignature.objects.create(
        agreement=agreement, content=content, size=len(content), sha256="0" * 64, certificate={}
    )
    with pytest.raises(Unsound):
        documents.render_document(agreement_id=agreement.pk)
    assert not AgreementDocument.objects.exists()


@pytest.mark.skipif(
    not all(map(shutil.which, ("pdfsig", "certutil", "pk12util"))), reason="needs poppler and NSS"
)
@pytest.mark.django_db
def test_what_another_program_signed_is_accepted_sealed_and_countersigned(tmp_path):
    """Poppler gives the field a date and an empty picture, and marks its lengths as it likes."""
    access_request = ready_request()
    agreement = sign(**signature(access_request, own_certificate=True))
    issued = bytes(own_signing.issue_document(agreement_id=agreement.pk).content)
    content = sign_with_poppler(issued, certificate(kind="RSA"), tmp_path)
    own_signing.accept(
        access_request_id=access_request.pk, by=access_request.applicant, content=content
    )
    documents.render_document(agreement_id=agreement.pk)
    made = documents.countersign_document(agreement_id=agreement.pk)
    found = verify(bytes(made.content), Trust.published())
    assert found.finding is Finding.GENUINE, found.sentence
    [own] = found.facts.own_signatures
    assert own.intact
    assert own.subject == "Common Name: Ada Larus"
