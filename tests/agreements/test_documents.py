import hashlib
import io
import json
import threading
import uuid

import pytest
from django.core import mail
from django.db import DatabaseError, OperationalError, connection, connections, transaction
from pyhanko.pdf_utils.reader import PdfFileReader
from pypdf import PdfReader

from requests_app.agreements import certificates, documents, sealing_keys, unsealed
from requests_app.agreements.documents import countersign_document, render_document, waiting
from requests_app.agreements.models import Agreement, AgreementDocument
from requests_app.agreements.seal import Level, Seal, seal_pdf
from requests_app.agreements.signing import sign
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import Finding, verify
from requests_app.audit import kinds, log
from requests_app.audit.models import Entry
from requests_app.errors import Conflict, Misconfigured, NotFound
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import as_email
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State
from tests.factories.agreements import (
    publish_text,
    ready_request,
    signature,
    signed_agreement,
    text_source,
)
from tests.factories.file_database import file_database
from tests.factories.requests import approver, reviewer, staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def quick(monkeypatch):
    """Renders in no time: what is written around the rendering is what is tested."""
    monkeypatch.setattr(unsealed, "render_pdf", lambda document: b"%PDF-1.7 quick")
    monkeypatch.setattr(documents, "seal_pdf", lambda content, seal, role, **how: content)
    # What stands in for the document is no PDF; `test_added_revision` shows that one is looked at.
    monkeypatch.setattr(documents, "require_sound", lambda *document, **meant: None)


def words(document: AgreementDocument) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(document.content)).pages)


def test_the_document_is_made_of_the_version_signed_whatever_came_after():
    agreement = signed_agreement(purpose="To learn.")
    access_request = agreement.access_request
    publish_text(access_request.dataset, 2, text_source("may pluck"))
    AccessRequest.objects.filter(pk=access_request.pk).update(purpose="To sell.", country="US")
    access_request.dataset.card["contact"]["email"] = "other@pier.example"
    access_request.dataset.save()
    shown = words(render_document(agreement_id=agreement.pk))
    assert "may look at" in shown
    assert "may pluck" not in shown
    assert "To learn." in shown
    assert "To sell." not in shown
    assert agreement.evidence["text_sha256"] in shown


@pytest.mark.usefixtures("quick")
def test_it_is_kept_with_its_digest_and_an_entry():
    agreement = signed_agreement()
    document = render_document(agreement_id=str(agreement.pk))
    digest = hashlib.sha256(b"%PDF-1.7 quick").hexdigest()
    assert (bytes(document.content), document.size) == (b"%PDF-1.7 quick", 14)
    assert document.sha256 == digest
    entry = Entry.objects.get(kind=kinds.AGREEMENT_RENDERED)
    assert (entry.actor, entry.subject) == ("system", agreement.audit_ref)
    assert entry.trail == agreement.access_request.audit_ref
    assert entry.details == {
        "sha256": digest,
        "size": 14,
        "level": "B-B",
        "certificate_sha256": sealing_keys.load().sha256,
    }


@pytest.mark.usefixtures("quick")
def test_made_twice_it_is_made_and_sent_once():
    agreement = signed_agreement()
    approver(agreement.access_request.dataset)
    assert list(waiting()) == [agreement]
    first = render_document(agreement_id=agreement.pk)
    assert render_document(agreement_id=agreement.pk) == first
    assert not waiting().exists()
    assert AgreementDocument.objects.count() == 1
    assert Message.objects.count() == 2
    assert Entry.objects.filter(kind=kinds.AGREEMENT_RENDERED).count() == 1


@pytest.mark.usefixtures("quick")
def test_a_worker_that_comes_second_writes_nothing():
    agreement = signed_agreement()
    seal = Seal(sealing_keys.load(), Level.B_B)
    ours = documents._keep(agreement, documents.Kind.SEALED, b"first", seal)
    theirs = documents._keep(agreement, documents.Kind.SEALED, b"second", seal)
    assert theirs == ours
    assert bytes(theirs.content) == b"first"
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_document(tmp_path, monkeypatch):
    monkeypatch.setattr("requests_app.queue._send", lambda name, ids: None)
    both_sealed = threading.Barrier(2, timeout=20)

    def seal(content, seal, role, **how):
        sealed = seal_pdf(content, seal, role, **how)
        both_sealed.wait()
        return sealed

    monkeypatch.setattr(documents, "seal_pdf", seal)
    agreement = signed_agreement()
    made = []

    def work():
        try:
            made.append(render_document(agreement_id=agreement.pk).pk)
        finally:
            connections.close_all()

    with file_database(tmp_path):
        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert len(made) == 2
        assert len(set(made)) == 1
        [document] = AgreementDocument.objects.all()
        assert verify(bytes(document.content), Trust.published()).finding is Finding.GENUINE
        assert Message.objects.count() == 1
        assert Entry.objects.filter(kind=kinds.AGREEMENT_RENDERED).count() == 1


@pytest.mark.usefixtures("quick")
def test_the_applicant_gets_a_copy():
    agreement = signed_agreement(legal_name="Bo O'Gull & Sons")
    render_document(agreement_id=agreement.pk)
    message = Message.objects.get()
    assert message.recipient == agreement.signer.email
    assert message.trail == agreement.access_request.audit_ref
    email = as_email(message)
    assert agreement.number in email.subject
    assert "Dear Bo O'Gull & Sons," in email.body
    assert f"/requests/{agreement.access_request_id}/" in email.body
    [attachment] = email.attachments
    assert attachment[0] == f"{agreement.number}.pdf"
    assert attachment[1] == b"%PDF-1.7 quick"
    assert attachment[2] == "application/pdf"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("late", [False, True])
def test_nobody_is_asked_to_decide_what_was_withdrawn_before_the_copy_was_made(late, monkeypatch):
    agreement = signed_agreement()
    reviewer(agreement.access_request.dataset)

    def withdraw(*args, **options) -> bytes:
        AccessRequest.objects.filter(pk=agreement.access_request_id).update(state=State.WITHDRAWN)
        return b"%PDF-1.7 quick"

    if late:  # while it is being made
        monkeypatch.setattr(documents, "seal_pdf", withdraw)
    else:
        withdraw()
    render_document(agreement_id=agreement.pk)
    assert not Message.objects.filter(name="request_submitted").exists()
    body = str(as_email(Message.objects.get(name="agreement_signed")).body)
    assert agreement.number in body
    assert "a maintainer reads" not in body
    assert "Your grant stands" not in body


@pytest.mark.usefixtures("quick")
def test_every_maintainer_in_office_gets_the_request_and_a_link_to_review_it():
    access_request = ready_request(legal_name="Bo O'Gull", purpose="To <b>learn</b>\nmuch.")
    dataset = access_request.dataset
    people = [approver(dataset), reviewer(dataset)]
    approver(dataset, is_active=False)
    staff(maintains=dataset)  # taken out of the groups
    approver()
    dataset.maintainers.add(access_request.applicant)
    agreement = sign_now(access_request)
    render_document(agreement_id=agreement.pk)
    review = Message.objects.filter(name="request_submitted")
    assert {message.recipient for message in review} == {person.email for person in people}
    email = as_email(review[0])
    assert "Bo O'Gull" in email.subject
    for fact in ("To <b>learn</b>", "Pier University", agreement.number):
        assert fact in email.body
    assert f"/admin/requests_app/accessrequest/{access_request.pk}/change/" in email.body
    html = email.alternatives[0][0]
    assert "To &lt;b&gt;learn&lt;/b&gt;" in html
    assert email.attachments[0][0] == f"{agreement.number}.pdf"


def sign_now(access_request: AccessRequest) -> Agreement:
    return sign(**signature(access_request))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("part", ["entry", "message"])
def test_without_entry_or_messages_there_is_no_document(monkeypatch, part):
    agreement = signed_agreement()

    def broken(*args, **kwargs):
        raise RuntimeError("no")

    if part == "entry":
        monkeypatch.setattr(log, "record", broken)
    else:
        monkeypatch.setattr(documents.messages, "agreement_signed", broken)
    with pytest.raises(RuntimeError, match="no"), transaction.atomic():
        render_document(agreement_id=agreement.pk)
    assert not AgreementDocument.objects.exists()
    assert not Message.objects.exists()
    assert not Entry.objects.filter(kind=kinds.AGREEMENT_RENDERED).exists()
    assert list(waiting()) == [agreement]


def test_an_agreement_that_does_not_exist_is_not_found():
    with pytest.raises(NotFound):
        render_document(agreement_id=uuid.uuid4())


@pytest.mark.usefixtures("quick")
def test_a_document_cannot_be_replaced():
    document = render_document(agreement_id=signed_agreement().pk)
    document.content = b"another"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        document.save()


def test_from_signature_to_mailbox(django_capture_on_commit_callbacks):
    """The whole of it with the real renderer, the tasks run as a worker runs them."""
    access_request = ready_request(legal_name="陈伟", country="US")
    with django_capture_on_commit_callbacks(execute=True):
        sign_now(access_request)
    [email] = mail.outbox
    assert email.to == [access_request.applicant.email]
    pdf = PdfReader(io.BytesIO(email.attachments[0][1]))
    assert round(pdf.pages[0].mediabox.width) == 612
    assert "陈伟" in pdf.pages[0].extract_text()


def test_what_is_stored_is_the_sealed_document_and_its_evidence_names_the_seal():
    agreement = signed_agreement()
    document = render_document(agreement_id=agreement.pk)
    key = sealing_keys.load()
    assert (document.kind, document.level) == ("sealed", "B-B")
    assert document.certificate.sha256 == key.sha256
    [seal] = PdfFileReader(io.BytesIO(document.content)).embedded_signatures
    assert seal.field_name == "PortalSeal"
    embedded = json.loads(PdfReader(io.BytesIO(document.content)).attachments["evidence.json"][0])
    assert embedded["seal"]["certificate_sha256"] == key.sha256
    assert embedded["seal"]["verify_url"].endswith(f"/verify/{agreement.number}")
    added = {"answers", "copies_to", "format", "seal", "signatories"}
    assert {k: v for k, v in embedded.items() if k not in added} == agreement.evidence
    assert embedded["answers"] == agreement.values


def test_the_countersigned_document_is_kept_beside_the_sealed_one_and_sent():
    agreement = signed_agreement()
    first = render_document(agreement_id=agreement.pk)
    second = countersign_document(agreement_id=agreement.pk)
    assert countersign_document(agreement_id=agreement.pk) == second
    assert bytes(second.content).startswith(bytes(first.content))
    assert agreement.document == second
    assert list(agreement.documents.all()) == [first, second]
    entry = Entry.objects.get(kind=kinds.AGREEMENT_COUNTERSIGNED)
    assert entry.details["sha256"] == hashlib.sha256(second.content).hexdigest()
    [message] = Message.objects.filter(name="agreement_countersigned")
    assert message.recipient == agreement.signer.email
    [attachment] = as_email(message).attachments
    assert attachment[1] == bytes(second.content)


def test_nothing_is_countersigned_before_it_is_sealed():
    with pytest.raises(Conflict, match="no sealed document yet"):
        countersign_document(agreement_id=signed_agreement().pk)


@pytest.mark.parametrize("failing", ["key", "disk"])
def test_a_key_that_fails_and_a_full_disk_leave_nothing_but_work_for_the_sweep(
    tmp_path, monkeypatch, failing
):
    agreement = signed_agreement()
    if failing == "key":
        monkeypatch.setattr("requests_app.conf.seal_key_file", lambda: tmp_path / "gone.pem")
    else:

        def full(*args, **kwargs):
            raise OperationalError("database or disk is full")

        monkeypatch.setattr(AgreementDocument.objects, "create", full)
    with pytest.raises((Misconfigured, OperationalError)):
        render_document(agreement_id=agreement.pk)
    assert not AgreementDocument.objects.exists()
    assert not Message.objects.exists()
    assert not Entry.objects.filter(kind=kinds.AGREEMENT_RENDERED).exists()
    assert list(waiting()) == [agreement]
    monkeypatch.undo()
    assert render_document(agreement_id=agreement.pk).size > 0
    assert not waiting().exists()


def test_what_was_sealed_before_a_new_key_stays_valid():
    agreement, later = signed_agreement(), signed_agreement()
    first = render_document(agreement_id=agreement.pk)
    certificates.rotate(by=log.OPERATOR)
    second = countersign_document(agreement_id=agreement.pk)
    third = render_document(agreement_id=later.pk)
    assert first.certificate != second.certificate == third.certificate
    assert verify(bytes(second.content), Trust.published()).finding is Finding.GENUINE
    assert verify(bytes(first.content), Trust.published()).finding is Finding.GENUINE


def test_a_key_replaced_while_a_document_is_made_takes_nothing_from_it(monkeypatch):
    agreement = signed_agreement()
    old = sealing_keys.load()
    render = unsealed.render_pdf

    def meanwhile(document):
        certificates.rotate(by=log.OPERATOR)
        return render(document)

    monkeypatch.setattr(unsealed, "render_pdf", meanwhile)
    document = render_document(agreement_id=agreement.pk)
    assert sealing_keys.load().sha256 != old.sha256
    assert document.certificate.sha256 == old.sha256
    verdict = verify(bytes(document.content), Trust.published())
    assert verdict.finding is Finding.GENUINE
    assert verdict.facts.seals[0].certificate_sha256 == old.sha256
    noted = json.loads(PdfReader(io.BytesIO(document.content)).attachments["evidence.json"][0])
    assert noted["seal"]["certificate_sha256"] == old.sha256


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_really_full_keeps_no_half_document(tmp_path, monkeypatch):
    monkeypatch.setattr("requests_app.queue._send", lambda name, ids: None)
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite can be told how full it may become")
    agreement = signed_agreement()
    with file_database(tmp_path):
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")  # or it would take the place of rows that are gone
            cursor.execute("PRAGMA page_count")
            [pages] = cursor.fetchone()
            cursor.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(OperationalError, match="full"):
            render_document(agreement_id=agreement.pk)
        assert not AgreementDocument.objects.exists()
        assert not Message.objects.exists()
        assert not Entry.objects.filter(kind=kinds.AGREEMENT_RENDERED).exists()
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA max_page_count = 1073741823")
        assert render_document(agreement_id=agreement.pk).size > 0
