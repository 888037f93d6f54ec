"""What passes as an ethics approval."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.errors import Invalid
from requests_app.requests.documents import check_pdf, clean_name
from tests.factories.uploads import a_pdf


def refused(content: bytes, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        check_pdf(name="approval.pdf", content=content)


def test_a_pdf_passes_with_its_bytes_as_they_came():
    assert check_pdf(name="approval.pdf", content=a_pdf()).content == a_pdf()


def test_a_pdf_with_a_cross_reference_stream_passes():
    content = a_pdf(stream=True)
    assert check_pdf(name="approval.pdf", content=content).content == content


def test_a_real_document_passes():
    from weasyprint import HTML  # noqa: PLC0415 - slow to import, and only needed here

    check_pdf(name="approval.pdf", content=HTML(string="<p>Approved</p>").write_pdf())


@pytest.mark.parametrize("content", [b"<html>", b"\x89PNG\r\n", b"junk%PDF-1.7", b"PK\x03\x04"])
def test_what_does_not_begin_like_a_pdf_is_refused(content):
    refused(content + a_pdf(), "is not a PDF")


def test_an_empty_file_is_refused():
    refused(b"", "is empty")


def test_a_pdf_that_was_cut_off_is_refused():
    refused(a_pdf()[:-30], "cut off or damaged")
    refused(b"%PDF-1.7 <script>", "cut off or damaged")


def test_a_pdf_that_points_outside_of_itself_is_refused():
    refused(b"%PDF-1.7\nstartxref\n9999999999\n%%EOF", "cut off or damaged")
    refused(b"%PDF-1.7\nstartxref\n3\n%%EOF", "cut off or damaged")


def test_a_pdf_behind_a_password_is_refused():
    refused(a_pdf(trailer="/Encrypt 9 0 R"), "protected by a password")


def test_a_pdf_that_is_too_large_is_told_the_limit(settings):
    settings.ETHICS_DOCUMENT_MAX_BYTES = 1024 * 1024
    refused(b"%PDF-" + b"x" * 1024 * 1024, "at most 1 MB")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_pdf_or_refused_with_a_sentence(tail):
    for content in (tail, b"%PDF-1.7\n" + tail):
        with contextlib.suppress(Invalid):
            assert check_pdf(name="x.pdf", content=content).content == content


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("Votum Köln.PDF", "Votum Köln.pdf"),
        ("伦理.pdf", "伦理.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\docs\\approval.pdf", "approval.pdf"),
        ('a"\r\nSet-Cookie: x=1.pdf', "aSet-Cookie x=1.pdf"),
        ("\u202efdp.exe", "fdp.exe.pdf"),
        ("", "ethics-approval.pdf"),
        ("x" * 300, "x" * 196 + ".pdf"),
    ],
)
def test_a_file_name_is_safe_to_show_and_to_send(raw, kept):
    assert clean_name(raw) == kept
