"""What ISO 19005-3 (PDF/A-3b) asks of a file, looked for in one that is sealed and countersigned.

No registry has a validator; these are the rules that a document like ours could break.
"""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, StreamObject

from requests_app.agreements.pdf import render_pdf
from requests_app.agreements.seal import Role, prepare, seal_pdf
from requests_app.agreements.texts import FOLDER
from tests.agreements.test_together import party
from tests.factories.agreements import document_input

TEXT = (FOLDER / "cmed-daa-1.md").read_text(encoding="utf-8")
NAMES = "Łukasz Żółć 陈伟 محمد علي अनन्या शर्मा Иван Петров"


@pytest.fixture(scope="module")
def content() -> bytes:
    document = document_input(TEXT, applicant_name=NAMES, purpose=NAMES)
    drawn = replace(document.evidence, drawn_signature="M20 120 L80 40 L120 150")
    parties = (party(1), party(2, signed=False))
    pdf = render_pdf(replace(document, evidence=drawn, parties=parties))
    seal = prepare()
    return seal_pdf(seal_pdf(pdf, seal, Role.SEAL), seal, Role.COUNTERSIGNATURE)


@pytest.fixture(scope="module")
def reader(content) -> PdfReader:
    return PdfReader(BytesIO(content))


@pytest.fixture(scope="module")
def objects(reader) -> list[Any]:
    """Every dictionary that can be reached from the trailer."""
    return list(_walk(reader.trailer, set()))


def _walk(node: Any, seen: set[int]) -> Iterator[DictionaryObject]:
    if isinstance(node, IndirectObject):
        if node.idnum in seen:
            return
        seen.add(node.idnum)
        node = node.get_object()
    if isinstance(node, DictionaryObject):
        yield node
        for value in dict.values(node):
            yield from _walk(value, seen)
    elif isinstance(node, ArrayObject):
        for value in list.__iter__(node):
            yield from _walk(value, seen)


def kind(objects: list[Any], key: str, name: str) -> list[Any]:
    return [each for each in objects if each.get(key) == name]


def test_the_head_is_that_of_a_binary_pdf_1_and_nothing_is_encrypted(content, reader):
    first, second = content.split(b"\n", 2)[:2]
    assert first in {f"%PDF-1.{minor}".encode() for minor in range(8)}
    assert second.startswith(b"%")
    assert sum(byte > 127 for byte in second) >= 4
    assert "/Encrypt" not in reader.trailer
    assert len(reader.trailer["/ID"]) == 2


def test_every_font_is_embedded_and_every_glyph_has_its_letter(objects):
    fonts = kind(objects, "/Type", "/Font")
    assert len(fonts) > 8
    for font in fonts:
        if font["/Subtype"] == "/Type0":
            assert "/ToUnicode" in font
        else:
            described = font["/FontDescriptor"]
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(described), font["/BaseFont"]


def test_nothing_acts_plays_or_lies_outside(objects):
    assert not kind(objects, "/S", "/JavaScript")
    assert not kind(objects, "/S", "/Launch")
    for each in objects:
        assert not {"/AA", "/JS", "/XFA", "/OpenAction", "/NeedsRendering"} & set(each)
        if isinstance(each, StreamObject):
            assert not {"/F", "/FFilter"} & set(each), "a stream in another file"
            assert "/LZWDecode" not in str(each.get("/Filter", ""))


def test_both_seals_print_lie_on_no_page_and_have_names_for_readers(reader):
    form = reader.root_object["/AcroForm"]
    assert not form.get("/NeedAppearances", False)
    fields = [field.get_object() for field in form["/Fields"]]
    assert [field["/T"] for field in fields] == ["PortalSeal", "LabCountersignature"]
    for field in fields:
        flags = field["/F"]
        assert flags & 4, "printed"
        assert not flags & (1 | 2 | 32), "neither invisible nor hidden"
        assert list(field["/Rect"]) == [0, 0, 0, 0]
        assert field["/TU"]


def test_what_certifies_it_holds_no_digest_of_its_own(reader):
    permissions = reader.root_object["/Perms"]
    assert set(permissions) == {"/DocMDP"}
    [reference] = permissions["/DocMDP"]["/Reference"]
    assert not {"/DigestLocation", "/DigestMethod", "/DigestValue"} & set(reference.get_object())


def test_the_seals_leave_the_claim_and_the_colours_in_place(reader):
    root = reader.root_object
    metadata = root["/Metadata"].get_object()
    told = metadata.get_data().decode()
    assert 'pdfaid:part="3"' in told
    assert 'pdfaid:conformance="B"' in told
    [intent] = root["/OutputIntents"]
    assert intent.get_object()["/DestOutputProfile"].get_object()["/N"] == 3


def test_the_evidence_is_an_associated_file_with_its_kind(reader):
    # The renderer names the one file twice.
    [number] = {each.idnum for each in list.__iter__(reader.root_object["/AF"])}
    evidence = reader.get_object(number)
    assert evidence["/AFRelationship"] == "/Supplement"
    assert evidence["/F"] == evidence["/UF"] == "evidence.json"
    assert evidence["/EF"]["/F"]["/Subtype"] == "/application/json"
    assert evidence["/Desc"]
    named = reader.root_object["/Names"]["/EmbeddedFiles"]["/Names"]
    assert named[1].get_object() == evidence


def test_it_is_read_out_in_order_with_lists_headings_and_pictures_named(reader, objects):
    root = reader.root_object
    assert root["/MarkInfo"]["/Marked"].value is True
    assert root["/ViewerPreferences"]["/DisplayDocTitle"].value is True
    elements = kind(objects, "/Type", "/StructElem")
    pictures = [each["/Alt"] for each in elements if each["/S"] == "/Figure"]
    assert any(each.startswith("QR code that leads to https://") for each in pictures)
    assert any(each.startswith("Drawn signature of Łukasz") for each in pictures)
    assert len(pictures) == len([each for each in elements if each["/S"] == "/Figure"])
    for item in (each for each in elements if each["/S"] == "/LI"):
        assert item["/P"]["/S"] in {"/L", "/LI"}
    for cell in (each for each in elements if each["/S"] == "/TD"):
        assert cell["/A"].get_object()["/Headers"]
    assert {"/H1", "/H2", "/H3", "/Table", "/L"} <= {each["/S"] for each in elements}
