import json
import logging
import subprocess
from io import BytesIO

import pytest
from django.core.management import call_command
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import DocumentSecurityStore, validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pypdf import PdfReader

from requests_app.agreements import timestamps
from requests_app.agreements.documents import countersign_document, render_document
from requests_app.agreements.seal import Level, Role, prepare, seal_pdf
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import Finding, verify
from requests_app.errors import Misconfigured
from tests.factories import authorities
from tests.factories.agreements import signed_agreement
from tests.factories.seals import pem, rendered_pdf


@pytest.fixture
def world(tmp_path, settings):
    """A seal under an authority with revocation lists, stamped by a known authority."""
    with authorities.running(tmp_path) as made:
        set_up(made, settings)
        yield made


@pytest.fixture
def answering(tmp_path, settings):
    """The same under authorities that have a responder (OCSP) in place of lists."""
    with authorities.running(tmp_path, responders=True) as made:
        set_up(made, settings)
        yield made


def set_up(world, settings):
    settings.SEAL_KEY_FILE = str(world.key_file())
    settings.TIMESTAMP_URL = world.clock_address
    settings.TIMESTAMP_ROOTS_FILE = str(world.roots_file)


@pytest.fixture(scope="module")
def rendered():
    return rendered_pdf()


def trust_in(world) -> Trust:
    named = Trust.from_pem(pem(*world.key.chain, world.key.certificate))
    return Trust(named.sealing, named.authorities, timestamps.roots())


def roots(world):
    made = (world.seals.own.certificate, world.clocks.own.certificate)
    return [translate_pyca_cryptography_cert_to_asn1(each) for each in made]


def pdfsig(content: bytes, folder) -> str:
    path = folder / "agreement.pdf"
    path.write_bytes(content)
    return subprocess.run(["pdfsig", path], capture_output=True, text=True, check=False).stdout


def test_with_lists_and_a_known_clock_both_seals_are_b_lt_and_every_validator_agrees(
    world, rendered, tmp_path
):
    seal = prepare()
    assert (seal.level, seal.dated_by) == (Level.B_LT, "trusted authority")
    sealed = seal_pdf(rendered, seal, Role.SEAL)
    both = seal_pdf(sealed, prepare(), Role.COUNTERSIGNATURE)
    world.down = {"lists", "clock"}

    verdict = verify(both, trust_in(world))
    assert verdict.finding is Finding.GENUINE
    assert [(each.level, each.stamp) for each in verdict.facts.seals] == [("B-LT", "trusted")] * 2
    assert verdict.facts.seals[0].stamped_by == "Common Name: Clock on a pier"
    assert verify(sealed, trust_in(world)).facts.seals[0].level == "B-LT"

    for status in judged_by_what_the_file_holds(both, world):
        assert status.bottom_line, status.pretty_print_details()
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    told = pdfsig(both, tmp_path)
    assert told.count("Signature Validation: Signature is Valid.") == 2
    assert "Total document signed" in told.split("Signature #2")[1]


def judged_by_what_the_file_holds(content, world):
    """What pyHanko's own validator finds of each seal, without a network."""
    reader = PdfFileReader(BytesIO(content))
    for signature in reader.embedded_signatures:
        store = DocumentSecurityStore.read_dss(reader)
        alone = store.as_validation_context(
            {"trust_roots": roots(world), "revocation_mode": "require"}
        )
        yield validate_pdf_signature(signature, alone)


def test_with_responders_both_seals_are_b_lt_by_their_answers_alone(answering, rendered):
    sealed = seal_pdf(rendered, prepare(), Role.SEAL)
    both = seal_pdf(sealed, prepare(), Role.COUNTERSIGNATURE)
    answering.down = {"responders", "clock"}
    verdict = verify(both, trust_in(answering))
    assert verdict.finding is Finding.GENUINE
    assert [(each.level, each.stamp) for each in verdict.facts.seals] == [("B-LT", "trusted")] * 2
    for status in judged_by_what_the_file_holds(both, answering):
        assert status.bottom_line, status.pretty_print_details()
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    store = PdfReader(BytesIO(sealed)).root_object["/DSS"]
    assert len(store["/OCSPs"]) == 2
    assert "/CRLs" not in store or not store["/CRLs"]


def test_without_an_answer_the_level_is_not_claimed(answering):
    answering.down = {"responders"}
    assert prepare().level is Level.B_T


@pytest.mark.parametrize("whose", ["seals", "clocks"])
def test_nothing_is_sealed_with_a_certificate_that_a_responder_calls_revoked(answering, whose):
    revoked = answering.key.certificate if whose == "seals" else answering.clock.certificate
    getattr(answering, whose).revoked.append(revoked.serial_number)
    with pytest.raises(Misconfigured, match="was revoked"):
        prepare()


def test_what_is_needed_lies_in_what_the_seal_covers(world, rendered):
    sealed = seal_pdf(rendered, prepare(), Role.SEAL)
    [signature] = PdfFileReader(BytesIO(sealed)).embedded_signatures
    _, _, after, rest = (int(part) for part in list.__iter__(signature.byte_range))
    assert after + rest == len(sealed)
    store = PdfReader(BytesIO(sealed)).root_object["/DSS"]
    assert len(store["/CRLs"]) == 2
    assert len(store["/Certs"]) == 4
    # Anything added afterwards, be it such data once more, is told as in any other document.
    added = sealed + b"\n1 0 obj\n<< >>\nendobj\n"
    assert verify(added, trust_in(world)).finding is Finding.ALTERED


def test_without_the_lists_the_level_is_not_claimed(world, rendered, caplog):
    world.down = {"lists"}
    with caplog.at_level(logging.WARNING):
        seal = prepare()
    assert (seal.level, seal.dated_by) == (Level.B_T, "trusted authority")
    assert "B-T instead of B-LT" in caplog.text
    sealed = seal_pdf(rendered, seal, Role.SEAL)
    assert verify(sealed, trust_in(world)).facts.seals[0].level == "B-T"
    assert "/DSS" not in PdfReader(BytesIO(sealed)).root_object


def test_an_own_root_without_lists_is_b_t_and_nothing_is_logged(world, settings, caplog):
    settings.SEAL_KEY_FILE = str(settings.VAR_DIR / "keys" / "seal.pem")
    assert prepare().level is Level.B_T
    settings.TIMESTAMP_URL = ""
    assert (prepare().level, prepare().dated_by) == (Level.B_B, "portal")
    assert not caplog.records


@pytest.mark.parametrize("whose", ["seals", "clocks"])
def test_nothing_is_sealed_with_a_certificate_that_was_revoked(world, whose):
    revoked = world.key.certificate if whose == "seals" else world.clock.certificate
    getattr(world, whose).revoked.append(revoked.serial_number)
    with pytest.raises(Misconfigured, match="was revoked"):
        prepare()


def test_a_clock_that_leads_to_no_root_given_is_refused_and_without_roots_not_checked(
    world, settings, rendered
):
    world.set_clock(authorities.Authority("Stranger"), known=False)
    with pytest.raises(Misconfigured, match="CMED_TIMESTAMP_ROOTS_FILE"):
        seal_pdf(rendered, prepare(), Role.SEAL)
    settings.TIMESTAMP_ROOTS_FILE = ""
    seal = prepare()
    assert (seal.level, seal.dated_by) == (Level.B_T, "authority")
    sealed = seal_pdf(rendered, seal, Role.SEAL)
    assert verify(sealed, trust_in(world)).facts.seals[0].stamp == "not checked"
    settings.TIMESTAMP_ROOTS_FILE = str(world.roots_file)
    assert verify(sealed, trust_in(world)).facts.seals[0].stamp == "not trusted"
    [signature] = PdfFileReader(BytesIO(sealed)).embedded_signatures
    status = validate_pdf_signature(signature, ValidationContext(trust_roots=roots(world)))
    assert status.timestamp_validity.intact
    assert not status.timestamp_validity.trusted


def test_a_clock_changed_between_looking_and_sealing_makes_no_false_claim(world, rendered):
    seal = prepare()
    world.set_clock(world.clocks)
    seal_pdf(rendered, seal, Role.SEAL)  # the same list covers the new key as well
    world.set_clock(authorities.Authority("Clock maker"), known=False)
    with pytest.raises(Misconfigured, match="does not lead to a root"):
        seal_pdf(rendered, seal, Role.SEAL)


def test_a_clock_that_is_silent_or_a_stamp_of_something_else_gives_no_seal(
    world, rendered, monkeypatch
):
    world.down = {"clock"}
    with pytest.raises(Misconfigured, match="gave no stamp"):
        prepare()
    world.down = set()
    seal = prepare()
    other = authorities.World._stamp
    asked = []

    def replayed(self, question):
        asked.append(question)
        return other(self, asked[0])

    monkeypatch.setattr(authorities.World, "_stamp", replayed)
    monkeypatch.setattr("pyhanko.sign.timestamps.api.get_nonce", lambda: 7)
    seal_pdf(rendered, seal, Role.SEAL)
    with pytest.raises(Misconfigured, match="does not fit"):
        seal_pdf(rendered, seal, Role.COUNTERSIGNATURE)


@pytest.mark.django_db
def test_the_level_is_kept_printed_embedded_and_told(world, client, tmp_path, capsys):
    agreement = signed_agreement()
    first = render_document(agreement_id=agreement.pk)
    assert first.level == "B-LT"
    pdf = PdfReader(BytesIO(first.content))
    text = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
    assert "PAdES B-LT (ETSI EN 319 142-1), dated by a time-stamp authority whose" in text
    noted = json.loads(pdf.attachments["evidence.json"][0])["seal"]
    assert (noted["level"], noted["dated_by"]) == ("B-LT", "trusted authority")
    world.down = {"lists"}
    second = countersign_document(agreement_id=agreement.pk)
    assert second.level == "B-T"

    page = client.post("/verify/", {"pdf": BytesIO(bytes(second.content))}, HTTP_ACCEPT="text/html")
    shown = page.content.decode()
    assert "PAdES B-LT" in shown
    assert "an authority trusted here" in shown
    path = tmp_path / "agreement.pdf"
    path.write_bytes(bytes(second.content))
    chain = tmp_path / "chain.pem"
    chain.write_bytes(pem(*world.key.chain, world.key.certificate))
    call_command("agreement_verify", path, root=chain)
    assert "(not checked)" in capsys.readouterr().out
    call_command("agreement_verify", path, root=chain, timestamp_roots=world.roots_file)
    assert "Clock on a pier (trusted)" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_a_roots_file_that_holds_none_is_told(settings, tmp_path, content):
    path = tmp_path / "roots.pem"
    if content is not None:
        path.write_bytes(content)
    settings.TIMESTAMP_ROOTS_FILE = str(path)
    with pytest.raises(Misconfigured, match="CMED_TIMESTAMP_ROOTS_FILE"):
        timestamps.roots()
