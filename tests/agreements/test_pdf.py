import hashlib
import io
import json
import logging
import re
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.conf import settings
from django.template.loader import get_template
from django.test import override_settings
from django.utils import timezone, translation
from pypdf import PdfReader

from requests_app.agreements import pdf
from requests_app.agreements.answers import PLACEHOLDERS, Kind
from requests_app.agreements.directions import direction
from requests_app.agreements.evidence import embedded
from requests_app.agreements.pdf import render_pdf
from requests_app.agreements.texts import FOLDER
from requests_app.audit.canonical import canonical
from requests_app.errors import Misconfigured
from requests_app.requests.models import LONGEST_PURPOSE
from tests.factories.agreements import TEXT, document_input

CMED = (FOLDER / "cmed-daa-1.md").read_text(encoding="utf-8")
NAMES = [
    "陈伟",
    "محمد علي",
    "अनन्या शर्मा",
    "Łukasz Żółć",
    "Иван Петров",
    "Nguyễn Thị Ánh",
    "김민준",
    "佐藤さくら",
]


def read(document) -> PdfReader:
    return PdfReader(io.BytesIO(render_pdf(document)))


def words(document) -> str:
    return "\n".join(page.extract_text() for page in read(document).pages)


def test_it_says_that_it_is_pdf_a_3b_tagged_and_in_english():
    reader = read(document_input())
    catalog = reader.root_object
    metadata = catalog["/Metadata"].get_object().get_data().decode()
    assert 'pdfaid:part="3"' in metadata
    assert 'pdfaid:conformance="B"' in metadata
    assert catalog["/MarkInfo"]["/Marked"].value is True
    assert catalog["/Lang"] == "en"
    assert catalog["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    assert [entry.title for entry in reader.outline if not isinstance(entry, list)] == [
        "Gull Agreement"
    ]


@pytest.mark.parametrize(
    ("paper", "points"), [("A4", (595, 842)), ("Letter", (612, 792)), ("</style>", (595, 842))]
)
def test_it_is_made_for_the_paper_of_the_country(paper, points):
    box = read(document_input(paper=paper)).pages[0].mediabox
    assert (round(box.width), round(box.height)) == points


def test_the_same_input_gives_the_same_bytes_whatever_the_worker_is_set_to():
    first = render_pdf(document_input())
    with translation.override("fr"), timezone.override("Asia/Tokyo"):
        assert render_pdf(document_input()) == first
    with override_settings(TIME_ZONE="America/New_York", LANGUAGE_CODE="de"):
        assert render_pdf(document_input()) == first
    assert render_pdf(document_input(purpose="Another")) != first


def test_every_page_bears_the_number_and_its_place():
    pages = read(document_input(CMED, purpose="One line.\n\n" * 200)).pages
    assert len(pages) > 10
    for at, page in enumerate(pages, 1):
        text = page.extract_text()
        assert f"Page {at} of {len(pages)}" in text
        assert "GULLS-DAA-2026-000001" in text


@pytest.mark.parametrize(("paper", "lines"), [("A4", 1), ("A4", 14), ("Letter", 8), ("Letter", 24)])
def test_the_signature_stands_with_its_affirmations_and_the_certificate_and_seal_have_a_page_each(
    paper, lines
):
    pages = [
        page.extract_text()
        for page in read(document_input(CMED, paper=paper, purpose="Why.\n" * lines)).pages
    ]
    signature = next(text for text in pages if "Signed electronically by the Applicant" in text)
    assert "Affirmations and signature" in signature
    assert "delete all of the Data when my access ends" in " ".join(signature.split())
    assert pages.index(signature) == len(pages) - 3
    assert "Certificate of signing" in pages[-2]
    assert "Seal and verification" in pages[-1]


def test_the_certificate_shows_the_evidence():
    document = document_input()
    page = read(document).pages[-2].extract_text()
    evidence = document.evidence
    for fact in (
        "Ada Larus",
        "Lecturer, Pier University",
        "user:7",
        "ada@pier.example, verified 2026-01-29 09:30:00",
        "2026-01-31 09:29:00, by password",
        evidence.text_sha256,
        evidence.answers_sha256,
        evidence.shown_sha256,
        "2026-01-31 09:30:00",
        "192.0.2.7",
        "Firefox on a pier",
        "en-gb",
        "I agree to sign on this page.",
        "I have read all of it.",
        "I will be kind to gulls.",
    ):
        assert fact in page


@pytest.mark.parametrize(
    ("level", "dated_by", "clock"),
    [
        ("B-B", "portal", "own clock"),
        ("B-T", "authority", "whose certificate was not checked"),
        ("B-LT", "trusted authority", "found trusted; what shows that no certificate was revoked"),
    ],
)
def test_the_last_page_says_whose_seal_it_is_and_where_to_verify_it(level, dated_by, clock):
    document = document_input()
    document = replace(document, seal=replace(document.seal, level=level, dated_by=dated_by))
    page = read(document).pages[-1].extract_text()
    text = " ".join(page.split())
    assert f"PAdES {level} (ETSI EN 319 142-1), dated by" in text
    assert clock in text
    assert "The Applicant's signature is a simple electronic signature" in text
    assert "The seal is the portal's" in text
    for fact in (document.seal.certificate_sha256, document.seal.certificates_url):
        assert fact in text.replace(" ", "")
    assert document.seal.verify_url in text.replace(" ", "")


def test_the_evidence_is_embedded_as_canonical_json():
    document = document_input()
    catalog = read(document).root_object
    [reference] = {item.idnum: item for item in catalog["/AF"]}.values()
    attached = reference.get_object()
    assert (attached["/UF"], attached["/AFRelationship"]) == ("evidence.json", "/Supplement")
    stream = attached["/EF"]["/F"].get_object()
    assert stream["/Subtype"] == "/application/json"
    assert stream["/Params"]["/ModDate"] == "D:20260131093000Z"
    content = stream.get_data()
    assert content == canonical(embedded(document.evidence, document.answers, (), document.seal))
    assert json.loads(content)["text_sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()


def test_names_in_any_script_are_letters_and_not_boxes(caplog):
    people = [
        {"name": name, "role": "", "email": f"p{n}@pier.example"} for n, name in enumerate(NAMES)
    ]
    with caplog.at_level(logging.WARNING, logger="weasyprint"):
        text = words(document_input(named_people=people, applicant_name=NAMES[0]))
    assert not [record for record in caplog.records if "notdef" in record.getMessage()], (
        "a font is missing: install fonts-noto-core and fonts-noto-cjk"
    )
    found = Counter(text)
    for name in NAMES:
        # Readers differ in the order they give right-to-left letters; none may be missing.
        assert not Counter(re.sub(r"\s", "", name)) - found, name
    for name in ("陈伟", "Łukasz Żółć", "Иван Петров"):
        assert name in text


def places(document, folder) -> dict[str, float]:
    """Word of a document -> how far from the left edge it is printed, as poppler finds it."""
    assert shutil.which("pdftotext"), "install poppler-utils"
    path = folder / "agreement.pdf"
    path.write_bytes(render_pdf(document))
    told = subprocess.run(["pdftotext", "-bbox", path, "-"], capture_output=True, check=True).stdout
    found = re.findall(r'<word xMin="([\d.]+)"[^>]*>([^<]*)</word>', told.decode())
    return {word: float(left) for left, word in found}


def test_a_sentence_from_right_to_left_is_printed_in_its_order(tmp_path):
    words_ = places(
        document_input(
            purpose="ندرس تعبيرات FIRST ثم تعبيرات SECOND وغيرها.\n\nWe write THIRD ندرس FOURTH.",
            applicant_name="محمد FIFTH علي SIXTH بن",
            named_people=[
                {"name": "שרה SEVENTH לוי EIGHTH כהן", "role": "", "email": "p@pier.example"}
            ],
        ),
        tmp_path,
    )
    assert words_["FIRST"] > words_["SECOND"]
    assert words_["THIRD"] < words_["FOURTH."]
    assert words_["FIFTH"] > words_["SIXTH"]
    assert words_["SEVENTH"] > words_["EIGHTH"]


@pytest.mark.parametrize(
    ("text", "way"),
    [("", "ltr"), ("12 %", "ltr"), ("12 علي Mo", "rtl"), ("Mo علي", "ltr"), ("דוד", "rtl")],
)
def test_the_first_letter_that_has_a_direction_decides(text, way):
    assert direction(text) == way


def test_all_fonts_are_embedded_and_can_be_read_back():
    people = [{"name": name, "role": "", "email": "p@pier.example"} for name in NAMES]
    for page in read(document_input(named_people=people)).pages:
        for reference in page["/Resources"]["/Font"].values():
            font = reference.get_object()
            descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
            assert {"/FontFile2", "/FontFile3"} & set(descriptor)
            assert "/ToUnicode" in font


def hostile_words(address: str) -> list[str]:
    """What might make a renderer fetch, embed, run or believe something; one line each."""
    return [
        "<img src=file:///etc/passwd>",
        f"<img src={address}/img>",
        f"<script src={address}/js>alert(1)</script>",
        f"<link rel=stylesheet href={address}/css>",
        "<link rel=attachment href='file:///etc/passwd'>",
        f"<a href={address}/a rel=attachment download>a</a>",
        f"<object data={address}/object></object><embed src=file:///etc/passwd>",
        f"<iframe src={address}/frame></iframe>",
        "<img src='data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22/>'>",
        f"<svg><image href={address}/svg /><use href=file:///etc/passwd#x /></svg>",
        "<svg><foreignObject><iframe src=file:///etc/passwd></iframe></foreignObject></svg>",
        f"<style>@import url({address}/import.css);p{{background:url({address}/bg)}}</style>",
        f"@import url({address}/bare.css); url(file:///etc/passwd)",
        f"<p style='background:url({address}/style);content:attr(x)'>x</p>",
        f"</style></section></body><base href={address}/>",
        "<meta name=pdf-attachment content=file:///etc/passwd>",
        "{{ settings.SECRET_KEY }} {{ 7*7 }} {% include '/etc/passwd' %} {% load static %}",
        "[[funding]] [[applicant_name]] [[nothing]]",
        f"[a link]({address}/md) ![a picture]({address}/md.png) <{address}/auto>",
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]> &e; &#60;b&#62; &lt;i&gt;",
        "| a | b |",
        "# heading",
        "javascript:alert(1)",
    ]


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """A server on this machine that remembers whoever connects: its address, and what they said."""
    heard: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.requestline.encode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def filled_with(name: str, words_: list[str]) -> object:
    """An answer made of hostile words, in the shape that its place in the text asks for."""
    kind = PLACEHOLDERS[name][0]
    if kind is Kind.PEOPLE:
        return [{"name": word, "email": word, "role": word} for word in words_]
    if kind is Kind.LIST:
        return words_
    return ("\n" if kind is Kind.TEXT else " ").join(words_)


EVERY_PLACE = TEXT.replace(
    "[[purpose]]\n\n[[named_people]]\n\n[[compliance]]\n",
    "\n\n".join(f"[[{name}]]" for name in PLACEHOLDERS) + "\n",
)


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_hostile_answers_are_printed_as_typed_and_fetch_embed_and_run_nothing(name):
    with listening() as (address, heard):
        hostile = hostile_words(address)
        document = document_input(EVERY_PLACE, **{name: filled_with(name, hostile)})
        document = replace(document, evidence=replace(document.evidence, typed_name=hostile[0]))
        reader = PdfReader(io.BytesIO(render_pdf(document)))
    assert heard == []
    text = "".join("".join(page.extract_text() for page in reader.pages).split())
    for word in hostile:
        assert "".join(word.split()) in text, word
    assert list(reader.attachments) == ["evidence.json"]
    assert "root:" not in text
    assert settings.SECRET_KEY not in text
    assert not {"/OpenAction", "/AA"} & set(reader.root_object)
    assert "/JavaScript" not in reader.root_object.get("/Names", {})
    for page in reader.pages:
        assert "/AA" not in page
        links = [note.get_object() for note in page.get("/Annots", [])]
        assert not [link for link in links if "/URI" in link.get("/A", {})]


def test_a_template_that_reaches_outside_is_an_error_and_not_a_document(monkeypatch):
    markup = '<style>@import url("data:text/css,p{}");</style><p>x</p>'
    monkeypatch.setattr(pdf, "render_to_string", lambda *args: markup)
    with pytest.raises(Misconfigured, match="nothing outside the document"):
        render_pdf(document_input())


def test_another_text_than_the_one_signed_is_refused():
    document = document_input()
    changed = replace(document, text=document.text + "\n")
    with pytest.raises(Misconfigured, match="not the one that was signed"):
        render_pdf(changed)


@pytest.mark.parametrize("value", ["W" * 5000, "a " + "W" * 4998, "W" * 1001 + "\n" + "W" * 3999])
def test_a_word_without_end_wraps_inside_the_page(value):
    shown = words(document_input(purpose=value))
    lines = [line for line in shown.split("\n") if "WW" in line]
    assert "".join(lines).count("W") == value.count("W")
    # A line of the page holds fewer than 50 letters W; what runs over its edge is lost.
    assert max(map(len, lines)) < 60


def test_the_longest_purpose_of_more_than_five_thousand_words_is_printed_to_the_last():
    value = "".join(f"w{n:05d} " for n in range(LONGEST_PURPOSE // 7))
    text = words(document_input(purpose=value)).split()
    assert [word for word in text if re.fullmatch(r"w\d{5}", word)] == value.split()


def test_the_templates_are_on_disk_and_escape_what_they_are_given():
    page = get_template("agreements/signature.html").render(
        {"evidence": document_input(applicant_name="<b>Bo</b>").evidence}
    )
    assert "&lt;b&gt;Bo&lt;/b&gt;" in page
