import json
import re
import zlib
from datetime import timedelta
from io import BytesIO

import pytest
import time_machine
from asn1crypto import cms
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pypdf import PdfWriter
from pypdf.annotations import FreeText

from requests_app.agreements.evidence import embedded
from requests_app.agreements.pdf import render_pdf
from requests_app.agreements.seal import Level, Role, Seal, seal_pdf
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import (
    ADDED,
    BROKEN,
    CHANGED,
    CUT,
    NO_SEAL,
    NOT_A_PDF,
    OUT_OF_TIME,
    Finding,
    verify,
)
from requests_app.errors import Invalid
from tests.factories.agreements import document_input
from tests.factories.seals import key_in, pem, rendered_pdf, sealed_pdf


@pytest.fixture(scope="module")
def trust(key):
    return Trust.from_pem(pem(*key.chain, key.certificate))


@pytest.fixture(scope="module")
def countersigned(key, sealed):
    return seal_pdf(sealed, Seal(key, Level.B_B), Role.COUNTERSIGNATURE)


def signed_ranges(content: bytes) -> list[tuple[int, int, int, int]]:
    return [
        tuple(int(number) for number in signature.byte_range)
        for signature in PdfFileReader(BytesIO(content)).embedded_signatures
    ]


def annotated(content: bytes, page: int = 0) -> bytes:
    """What a PDF reader saves when somebody writes a note onto a page."""
    writer = PdfWriter(BytesIO(content), incremental=True)
    writer.add_annotation(page, FreeText(text="Also gulls.", rect=(50, 50, 200, 100)))
    saved = BytesIO()
    writer.write(saved)
    return saved.getvalue()


def test_a_sealed_agreement_is_genuine_and_says_what_it_is(sealed, trust):
    verdict = verify(sealed, trust)
    assert verdict.finding is Finding.GENUINE
    assert verdict.sentence == (
        "This is agreement GULLS-DAA-2026-000001, signed by Ada Larus on 31 January 2026, "
        "sealed by the portal. Not one byte has changed since."
    )
    told = verdict.as_json()
    assert json.loads(json.dumps(told)) == told
    assert told["agreement"]["signers"] == [
        {
            "name": "Ada Larus",
            "position": "Lecturer",
            "institution": "Pier University",
            "role": "applicant",
            "signed_at": "2026-01-31T09:30:00Z",
        }
    ]
    [seal] = told["agreement"]["seals"]
    assert (seal["role"], seal["level"]) == ("seal of the portal", "B-B")
    assert (told["agreement"]["text_number"], told["changes"]) == (1, [])


def test_so_is_one_of_the_first_format_which_knew_one_signer(key, trust, monkeypatch):
    def first_format(*args):
        told = embedded(*args) | {"format": "agreement-evidence-1"}
        del told["signatories"]
        return told

    monkeypatch.setattr("requests_app.agreements.pdf.embedded", first_format)
    verdict = verify(sealed_pdf(key), trust)
    assert verdict.finding is Finding.GENUINE
    assert [(each.name, each.role) for each in verdict.facts.signers] == [
        ("Ada Larus", "applicant")
    ]


def test_so_is_a_countersigned_one(countersigned, trust, key):
    verdict = verify(countersigned, trust)
    assert verdict.finding is Finding.GENUINE
    assert "sealed by the portal and countersigned by the lab" in verdict.sentence
    seals = verdict.facts.seals
    assert [seal.role for seal in seals] == ["seal of the portal", "countersignature of the lab"]
    assert {seal.certificate_sha256 for seal in seals} == {key.sha256}


def test_each_of_300_bytes_spread_over_the_signed_ranges_is_missed_when_it_is_changed(
    countersigned, trust
):
    for start, length, after, rest in signed_ranges(countersigned):
        covered = [*range(start, start + length), *range(after, after + rest)]
        for place in covered[:: len(covered) // 150][:150]:
            flipped = bytearray(countersigned)
            flipped[place] ^= 1
            assert verify(bytes(flipped), trust).finding is not Finding.GENUINE, place


def test_nothing_but_the_seal_may_stand_in_its_place(sealed, trust):
    """Signers pad the place with zeros; there a file could carry what nobody sealed."""
    place = re.search(rb"/Contents <[0-9A-F]+0000>", sealed)[0]
    for changed in (place.replace(b"0000>", b"00E0>"), place.lower().replace(b"/c", b"/C")):
        assert verify(sealed.replace(place, changed), trust).sentence == CHANGED


@pytest.mark.parametrize("page", [0, 1])
def test_a_note_added_afterwards_is_found_and_the_page_named(countersigned, trust, page):
    verdict = verify(annotated(countersigned, page), trust)
    assert (verdict.finding, verdict.sentence) == (Finding.ALTERED, ADDED)
    assert f"Page {page + 1} was changed." in verdict.changes
    assert verdict.facts.number == "GULLS-DAA-2026-000001"


def test_what_is_packed_or_no_pdf_at_all_is_found_as_well(sealed, trust):
    writer = IncrementalPdfFileWriter(BytesIO(sealed))
    writer.root["/Lang"] = writer.root["/Lang"]
    writer.update_root()
    saved = BytesIO()
    writer.write(saved)
    assert "The document's catalogue was changed." in verify(saved.getvalue(), trust).changes
    root = PdfFileReader(BytesIO(sealed)).root_ref.idnum
    packed = zlib.compress(f"{root} 0 << >>".encode())
    stream = b"99 0 obj\n<</Type/ObjStm/N 1/First 5>>\nstream\n" + packed + b"\nendstream\nendobj\n"
    assert "The document's catalogue was changed." in verify(sealed + stream, trust).changes
    assert verify(sealed + b"\n", trust).changes == (
        "1 byte was added, with nothing in it that a PDF reader shows.",
    )


def test_what_is_cut_off_or_changed_says_so(sealed, countersigned, trust):
    assert verify(sealed[:-20], trust).sentence == CUT
    changed = sealed[:5000] + bytes([sealed[5000] ^ 1]) + sealed[5001:]
    assert verify(changed, trust).sentence == CHANGED
    assert verify(changed, trust).facts is None
    verdict = verify(countersigned[:-20], trust)
    assert (verdict.finding, verdict.sentence) == (Finding.ALTERED, BROKEN)
    # The countersignature's revision taken away whole leaves the agreement as it was sealed.
    assert verify(countersigned[: len(sealed)], trust).finding is Finding.GENUINE


def test_a_seal_moved_into_another_document_is_found(sealed, trust):
    [(_, before, after, _)] = signed_ranges(sealed)
    other = render_pdf(document_input(purpose="To feed them."))
    moved = other + b"\n/ByteRange [0 %d %d 9]\n" % (len(other) + 60, len(other) + 60)
    assert verify(moved + sealed[before:after], trust).finding is not Finding.GENUINE
    spliced = sealed.replace(b"%PDF-1.7", b"%PDF-1.7\n%" + b"x" * 10, 1)
    assert verify(spliced, trust).finding is not Finding.GENUINE


def test_documents_of_others_are_not_ours(sealed, trust, key, tmp_path):
    assert verify(b"GIF89a", trust).sentence == NOT_A_PDF
    assert verify(b"", trust).sentence == NOT_A_PDF
    assert verify(rendered_pdf(), trust).sentence == NO_SEAL
    stranger = key_in(tmp_path)
    assert verify(sealed_pdf(stranger), trust).sentence == NO_SEAL
    # A countersignature by somebody else does not lend anything to what is ours, either.
    mixed = seal_pdf(sealed, Seal(stranger, Level.B_B), Role.COUNTERSIGNATURE)
    assert verify(mixed, trust).finding is Finding.ALTERED


def test_the_root_alone_is_enough_and_a_named_certificate_is_asked_for(key, sealed, tmp_path):
    assert verify(sealed, Trust.from_pem(pem(*key.chain))).finding is Finding.GENUINE
    other = key_in(tmp_path)
    assert verify(sealed, Trust.from_pem(pem(*other.chain))).finding is Finding.NOT_OURS
    # Below a root that stands above many, only the certificates named count.
    named = Trust.from_pem(pem(*key.chain, other.certificate))
    assert verify(sealed, named).finding is Finding.NOT_OURS
    assert verify(sealed, Trust(frozenset(), ())).finding is Finding.NOT_OURS
    for nonsense in (b"", b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----", b"\x00"):
        with pytest.raises(Invalid):
            Trust.from_pem(nonsense)


def test_old_seals_stay_genuine_after_the_certificate_ran_out(sealed, trust):
    with time_machine.travel(timezone.now() + timedelta(days=20 * 365)):
        assert verify(sealed, trust).finding is Finding.GENUINE


def test_a_seal_set_when_its_certificate_was_not_valid_proves_nothing(key, trust):
    with time_machine.travel(timezone.now() - timedelta(days=30)):
        early = sealed_pdf(key)
    verdict = verify(early, trust)
    assert (verdict.finding, verdict.sentence) == (Finding.NOT_OURS, OUT_OF_TIME)


@given(junk=st.binary(max_size=400), place=st.integers(0, 50_000))
def test_whatever_a_file_holds_there_is_a_verdict(sealed, trust, junk, place):
    for content in (b"%PDF-" + junk, sealed[:place] + junk + sealed[place:]):
        assert verify(content, trust).finding in Finding
    if junk and place < len(sealed):
        assert verify(sealed[:place] + junk + sealed[place:], trust).finding is not Finding.GENUINE


@pytest.mark.parametrize(
    "hostile",
    [
        b"/ByteRange [0 1 2 3]" * 50_000,
        b"/ByteRange [0 9999999999 9999999999 9999999999]",
        b"/ByteRange [0 " + b"9" * 100_000,
        b"/ByteRange" + b" " * 1_000_000 + b"[",
        b"1 0 obj << /Kids [1 0 R] >> endobj" * 10_000,
        b"[" * 100_000,
        b"/ObjStm stream\n" * 10_000,
        b"/ObjStm " * 1_000_000,
        b"<" * 1_000_000,
    ],
    ids=range(9),
)
def test_hostile_files_get_a_verdict_soon(hostile, sealed, trust):
    assert verify(b"%PDF-1.7\n" + hostile, trust).finding is Finding.NOT_OURS
    assert verify(sealed + hostile, trust).finding is Finding.ALTERED


def test_what_unpacks_to_gigabytes_is_not_unpacked(sealed, trust):
    bomb = zlib.compress(bytes(50_000_000), 9)
    stream = b"\n/Type/ObjStm/N 1/First 5>>\nstream\n" + bomb + b"\nendstream\n"
    assert verify(sealed + stream * 20, trust).finding is Finding.ALTERED


def test_a_seal_of_ours_stuffed_with_more_than_a_seal_needs_is_not_read(sealed, trust, monkeypatch):
    [(_, before, after, _)] = signed_ranges(sealed)
    message = cms.ContentInfo.load(bytes.fromhex(sealed[before + 1 : after - 1].decode()))
    [*own] = message["content"]["certificates"]
    asked = []
    monkeypatch.setattr(Trust, "holds", lambda *given: asked.append(given))
    for count, filling in ((20, b""), (1, b"0" * 100_000)):
        message["content"]["certificates"] = own * count
        place = b"<" + message.dump(force=True).hex().encode() + filling + b">"
        start = b"%%PDF-1.7\n/ByteRange [0 100 %d 9]" % (100 + len(place))
        assert verify(start.ljust(100) + place + b" " * 9, trust).sentence == NO_SEAL
    assert not asked
