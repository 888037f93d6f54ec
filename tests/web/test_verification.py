from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from requests_app.agreements import gathering, own_signing, unsealed
from requests_app.agreements.documents import countersign_document, render_document
from requests_app.agreements.models import SealCertificate
from requests_app.agreements.seal import Role, prepare, seal_pdf
from requests_app.agreements.seal_revoking import revoke
from requests_app.agreements.signing import sign
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import Finding, verify
from requests_app.audit import log
from requests_app.distribution.grants import create_grant
from requests_app.distribution.models import Grant
from requests_app.distribution.standing import standing
from requests_app.lifecycle.reconsent import sign_anew
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State
from tests.factories.agreements import ready_request, signature, signed_agreement
from tests.factories.cosigning import collect, ready_together
from tests.factories.own_certificates import certificate, sign_pdf
from tests.factories.reconsents import campaign_for, long_standing, signed_anew
from tests.factories.requests import UserFactory, approver, auditor, reviewer
from tests.factories.review import put
from tests.lifecycle.test_leaving import NEXT_VERSION, grant_of_all

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_was_here():
    cache.clear()


@pytest.fixture
def agreement():
    """A signed agreement with a sealed document, under an approved request with a grant."""
    signed = signed_agreement()
    render_document(agreement_id=signed.pk)
    countersign_document(agreement_id=signed.pk)
    create_grant(agreement=signed, by=approver(signed.access_request.dataset))
    put(signed.access_request, State.APPROVED)
    return signed


def newest(agreement) -> bytes:
    return bytes(agreement.documents.last().content)


def send(client, content: bytes, number: str = "", **headers):
    where = reverse("verify_number", args=[number]) if number else reverse("verify")
    return client.post(where, {"pdf": SimpleUploadedFile("a.pdf", content)}, headers=headers)


def test_anybody_learns_that_it_is_genuine_and_nothing_of_the_grant(client, agreement):
    page = send(client, newest(agreement))
    assertContains(page, '<h2 id="verdict">Genuine</h2>', html=True)
    assertContains(page, agreement.number)
    assertContains(page, "countersignature of the lab".capitalize())
    assertNotContains(page, "grant is active")
    assert page.headers["Cache-Control"].count("no-store") == 1


def test_its_applicant_and_maintainers_learn_where_it_stands_and_strangers_do_not(agreement):
    dataset = agreement.access_request.dataset
    for knows in (agreement.signer, approver(dataset), reviewer(dataset), auditor()):
        assert standing(agreement.number, to=knows).word == "in force"
    for stranger in (None, UserFactory(), approver(), UserFactory(is_staff=True)):
        assert standing(agreement.number, to=stranger) is None
    assert standing("GULLS-DAA-1999-000001", to=auditor()) is None
    agreement.signer.is_active = False
    assert standing(agreement.number, to=agreement.signer) is None


def test_a_revoked_and_an_expired_grant_are_told_to_who_may_know(client, agreement):
    now = timezone.now()
    Grant.objects.update(revoked_at=now, revoked_reason="Fed them.")
    assertContains(send(client, newest(agreement)), ">Genuine</h2>")
    client.force_login(agreement.signer)
    page = send(client, newest(agreement))
    assertContains(page, "Genuine, but revoked")
    assertNotContains(page, "Fed them")
    Grant.objects.update(revoked_at=None, starts_at=now - timedelta(2), ends_at=now - timedelta(1))
    assertContains(send(client, newest(agreement)), "Genuine, but expired")


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State.SUBMITTED, "not decided"),
        (State.RETURNED, "returned"),
        (State.REJECTED, "rejected"),
        (State.WITHDRAWN, "withdrawn"),
        (State.DRAFT, "not submitted"),
        (State.APPROVED, "not in effect yet"),
    ],
)
def test_an_agreement_without_a_grant_stands_where_its_request_does(state, word):
    agreement = signed_agreement()
    put(agreement.access_request, state)
    found = standing(agreement.number, to=agreement.signer)
    assert (found.in_force, found.word) == (False, word)


def test_an_agreement_signed_again_is_superseded():
    first = signed_agreement()
    first.__class__.objects.create(
        number="GULLS-DAA-2026-999999",
        access_request=first.access_request,
        text=first.text,
        signer=first.signer,
        signed_at=first.signed_at + timedelta(hours=1),
        values=first.values,
        evidence=first.evidence,
    )
    found = standing(first.number, to=first.signer)
    assert found.word == "superseded"
    assert "GULLS-DAA-2026-999999" in found.sentence


def test_a_grant_stands_on_the_agreement_signed_anew_and_suspends_the_one_left_behind(agreement):
    grant = long_standing(Grant.objects.get())
    campaign = campaign_for(grant, deadline=timezone.now() - timedelta(hours=1))
    old = standing(agreement.number, to=agreement.signer)
    assert (old.in_force, old.word) == (False, "suspended")
    newer = signed_anew(grant, campaign)
    old = standing(agreement.number, to=agreement.signer)
    assert (old.in_force, old.word) == (False, "superseded")
    assert newer.number in old.sentence
    assert standing(newer.number, to=agreement.signer).word == "in force"


def test_every_state_of_a_request_has_a_standing():
    agreement = signed_agreement()
    for state in State:
        AccessRequest.objects.update(state=state)
        assert standing(agreement.number, to=agreement.signer)


def test_while_signatures_are_collected_and_after_they_were_stopped_it_says_so(client):
    access_request = ready_together("Bea Sterna")
    agreement = collect(access_request)
    client.force_login(agreement.signer)
    where = reverse("verify_number", args=[agreement.number])
    assertContains(client.get(where), "not signed by all who must sign it yet")
    gathering.stop_collecting(access_request_id=access_request.pk, by=agreement.signer)
    assertContains(client.get(where), "The signing was stopped")
    assert standing(agreement.number, to=agreement.signer).word == "stopped"


def test_a_document_that_waits_for_its_applicants_certificate_is_not_signed_by_all(client):
    access_request = ready_request()
    agreement = sign(**signature(access_request, own_certificate=True))
    client.force_login(agreement.signer)
    own_signing.issue_document(agreement_id=agreement.pk)
    page = client.get(reverse("verify_number", args=[agreement.number]))
    assertContains(page, "not signed by all who must sign it yet")


def test_a_new_version_that_others_have_yet_to_sign_has_a_standing():
    grant = grant_of_all("Bea Sterna")
    campaign_for(grant, body=NEXT_VERSION)
    asked = signature(grant.access_request)
    del asked["access_request_id"]
    newer = sign_anew(grant_id=grant.pk, **asked)
    found = standing(newer.number, to=newer.signer)
    assert (found.in_force, found.word) == (False, "not signed by all")
    assert standing(grant.agreement.number, to=newer.signer).word == "in force"


def test_a_file_sealed_with_our_key_that_we_never_made_is_not_ours(client, agreement):
    """The key in other hands, or a mistake of ours: the file alone is whole, and still no good."""
    seal = prepare()
    mine = seal_pdf(unsealed.render(agreement, seal), seal, Role.SEAL)
    assert verify(mine, Trust.published()).finding is Finding.GENUINE
    page = send(client, mine)
    assertContains(page, "not among the documents that the portal made")
    assertContains(send(client, bytes(agreement.documents.first().content)), ">Genuine</h2>")


def test_to_change_what_a_seal_does_not_sign_of_itself_takes_no_key_and_is_told_so(
    client, agreement
):
    made = bytes(agreement.documents.first().content)
    root = prepare().key.chain[-1].public_bytes(serialization.Encoding.DER).hex().upper().encode()
    assert made.count(root) == 1
    changed = made.replace(root, root[:-1] + (b"1" if root.endswith(b"0") else b"0"))
    assert verify(changed, Trust.published()).finding is Finding.GENUINE
    page = send(client, changed)
    assertContains(page, ">Altered</h2>")
    assertNotContains(page, "in other hands")


def test_a_certificate_declared_invalid_is_published_and_its_seals_are_not_proven(
    client, agreement
):
    since = timezone.now() - timedelta(hours=1)
    [row] = SealCertificate.objects.all()
    revoke(certificate=row.serial, since=since, reason="A laptop was stolen.", by=log.OPERATOR)
    page = send(client, newest(agreement))
    assertContains(page, ">Not proven</h2>")
    assertContains(page, "the seal proves nothing")
    assertNotContains(page, "Signed by")
    assertContains(page, "Declared invalid as of")
    assertContains(page, "A laptop was stolen.")
    assertContains(client.get(reverse("certificates")), "DECLARED INVALID from")
    [told] = client.get(reverse("certificates_json")).json()["certificates"]
    assert told["invalid_from"] == f"{since:%Y-%m-%dT%H:%M:%SZ}"
    assert told["declarations"][0]["reason"] == "A laptop was stolen."
    assert told["pem"] == row.content


def test_what_is_altered_and_what_is_not_ours_are_told(client, agreement):
    assertContains(send(client, newest(agreement) + b"more"), ">Altered</h2>")
    assertContains(send(client, newest(agreement)[:-9]), ">Altered</h2>")
    assertContains(send(client, b"%PDF-1.7 of somebody else"), ">Not ours</h2>")


def test_where_the_qr_code_leads_asks_for_the_file_and_reveals_nothing(client, agreement):
    where = reverse("verify_number", args=[agreement.number])
    unknown = where.replace(agreement.number, "GULLS-DAA-1999-000001")
    page = client.get(where).content.decode().replace(agreement.number, "N")
    other = client.get(unknown).content.decode().replace("GULLS-DAA-1999-000001", "N")
    assert page == other
    assert "A number alone proves nothing" in page
    client.force_login(agreement.signer)
    assertContains(client.get(where), "Its grant is active until")
    page = send(client, newest(agreement), "GULLS-DAA-1999-000001")
    assertContains(page, f"but this file is {agreement.number}")


def test_a_program_gets_json_and_a_status(client, agreement):
    answer = send(client, newest(agreement), accept="application/json")
    assert (answer.status_code, answer.json()["finding"]) == (200, "genuine")
    assert answer.json()["standing"] is None
    answer = client.post(reverse("verify"), headers={"accept": "application/json"})
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_what_is_missing_empty_or_too_large_is_refused_with_a_sentence(client, settings):
    settings.VERIFY_MAX_BYTES = 1000
    for page in (client.post(reverse("verify")), send(client, b"")):
        assertContains(page, "Choose the PDF", status_code=400)
    assertContains(send(client, b"%PDF-" + b"x" * 1000), "larger than", status_code=413)
    # Announced as larger than any form with such a file: refused before a byte of it is read.
    page = client.generic("POST", reverse("verify"), b"", CONTENT_LENGTH="200000")
    assertContains(page, "larger than", status_code=413)
    assert client.put(reverse("verify")).status_code == 405


def test_many_files_from_one_address_have_to_wait(client, settings):
    settings.ACCOUNT_RATE_LIMITS = {"verify_agreement": "2/m/ip"}
    for _ in range(2):
        assert send(client, b"%PDF-1.7").status_code == 200
    assertContains(send(client, b"%PDF-1.7"), "Wait a minute", status_code=429)
    assert client.get(reverse("verify")).status_code == 200


def test_no_csrf_token_and_no_session_are_needed(agreement):
    strict = Client(enforce_csrf_checks=True)
    assert send(strict, newest(agreement)).status_code == 200
    assert not strict.cookies


def test_a_signature_with_a_certificate_of_ones_own_is_not_called_a_simple_one(client):
    access_request = ready_request()
    agreement = sign(**signature(access_request, own_certificate=True))
    issued = own_signing.issue_document(agreement_id=agreement.pk)
    signed = sign_pdf(bytes(issued.content), certificate())
    by = access_request.applicant
    own_signing.accept(access_request_id=access_request.pk, by=by, content=signed)
    render_document(agreement_id=agreement.pk)
    page = send(client, newest(agreement))
    assertContains(page, "confirmed with a certificate of their own")
    assertContains(page, "Common Name: Ada Larus")
    assertNotContains(page, "UTC, simple electronic signature")


def test_the_page_needs_no_key(client, agreement, settings):
    settings.SEAL_KEY_FILE = "/nowhere/seal.pem"
    assertContains(send(client, newest(agreement)), '<h2 id="verdict">Genuine</h2>', html=True)
    assert "BEGIN CERTIFICATE" in client.get("/verify/certificates.pem").content.decode()


def test_the_certificates_are_published_with_their_fingerprints(client, agreement):
    listed = x509.load_pem_x509_certificates(client.get(reverse("certificates")).content)
    assert len(listed) == 2
    document = agreement.documents.last()
    page = client.get(reverse("verify"))
    assertContains(page, document.certificate.sha256)
    assertContains(page, listed[0].fingerprint(hashes.SHA256()).hex())


def test_before_anything_was_sealed_there_is_a_page_and_nothing_is_ours(client):
    assertContains(client.get(reverse("verify")), "Nothing has been sealed yet")
    assert client.get(reverse("certificates")).content == b""
    assertContains(send(client, b"%PDF-1.7"), ">Not ours</h2>")
