import threading
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import DatabaseError, connections, transaction
from django.urls import reverse
from django.utils import timezone, translation

from requests_app.agreements.answers import digest
from requests_app.agreements.collecting import collect_answers
from requests_app.agreements.documents import render_document
from requests_app.agreements.evidence import Evidence
from requests_app.agreements.models import NUMBER_LENGTH, Agreement
from requests_app.agreements.preview import preview
from requests_app.agreements.signing import sign
from requests_app.audit import kinds, log
from requests_app.audit.models import Entry
from requests_app.audit.origin import Origin, acting_from
from requests_app.datasets.models import Dataset
from requests_app.errors import Conflict, Invalid, NotFound, Refused
from requests_app.identity.models import InstitutionDomain
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import TRANSITIONS, State, Verb
from tests.factories.agreements import (
    publish_text,
    ready_request,
    signature,
    signed_agreement,
    text_source,
)
from tests.factories.datasets import card_table
from tests.factories.distribution import make_release
from tests.factories.file_database import file_database
from tests.factories.requests import (
    DatasetFactory,
    EthicsDocumentFactory,
    NamedPersonFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def assert_nothing_signed(access_request: AccessRequest, state: State = State.DRAFT) -> None:
    access_request.refresh_from_db()
    assert access_request.state == state
    assert not Agreement.objects.exists()
    assert not Entry.objects.filter(kind=kinds.AGREEMENT_SIGNED).exists()


def test_signing_keeps_what_was_shown_and_submits_the_request():
    access_request = ready_request(country="AU")
    NamedPersonFactory(access_request=access_request, name="Bo Sterna")
    shown = preview(access_request)
    with acting_from(Origin(ip="192.0.2.7", user_agent="Firefox")):
        agreement = sign(**signature(access_request))
    access_request.refresh_from_db()
    assert access_request.state == State.SUBMITTED
    assert agreement.values == collect_answers(access_request)
    assert agreement.text_id == shown.text_id
    assert agreement.signer == access_request.applicant
    evidence = Evidence.from_json(agreement.evidence)
    assert evidence.shown_sha256 == shown.shown_sha256
    assert evidence.text_sha256 == agreement.text.sha256
    assert evidence.answers_sha256 == digest(agreement.values)
    assert evidence.number == agreement.number
    assert (evidence.ip_address, evidence.user_agent) == ("192.0.2.7", "Firefox")
    assert [item.key for item in evidence.affirmations] == ["read", "kind"]
    assert evidence.electronic_consent.text == "I agree to sign on this page."
    assert evidence.signed_at == agreement.signed_at
    assert (evidence.method, evidence.locale, evidence.paper) == ("password", "en-gb", "A4")
    assert agreement.evidence["whole_text_shown"] is True


def test_one_entry_tells_of_it_without_personal_data_in_the_open():
    agreement = signed_agreement()
    entry = Entry.objects.get(kind=kinds.AGREEMENT_SIGNED)
    assert entry.actor == agreement.signer.audit_ref
    assert entry.details == {
        "from": "draft",
        "to": "submitted",
        "agreement": agreement.number,
        "text_number": 1,
        "text_sha256": agreement.text.sha256,
        "values_sha256": digest(agreement.values),
        "evidence_sha256": digest(agreement.evidence),
    }
    assert "typed_name" in entry.commitments


def test_the_verdict_on_the_address_is_kept_as_it_was():
    access_request = ready_request()
    InstitutionDomain.objects.create(domain="pier.example", standing="allow", source="test")
    sign(**signature(access_request))
    access_request.refresh_from_db()
    assert access_request.email == access_request.applicant.email
    assert access_request.email_standing == "institution"
    assert "pier.example" in access_request.email_reason


def test_rendering_is_queued_when_it_is_committed(django_capture_on_commit_callbacks, monkeypatch):
    sent = []
    monkeypatch.setattr("requests_app.queue._send", lambda name, ids: sent.append((name, ids)))
    with django_capture_on_commit_callbacks(execute=True):
        agreement = signed_agreement()
        assert not sent
    assert sent == [("agreements.render_document", {"agreement_id": str(agreement.pk)})]


def test_numbers_are_unique_and_tell_dataset_and_year():
    first = signed_agreement()
    dataset = first.access_request.dataset
    second = signed_agreement(dataset=dataset)
    year = first.signed_at.year
    assert first.number == f"{dataset.slug.upper()}-DAA-{year}-000001"
    assert second.number == f"{dataset.slug.upper()}-DAA-{year}-000002"
    assert signed_agreement().number.endswith("-000001")


@pytest.mark.parametrize(("country", "paper"), [("US", "Letter"), ("CA", "Letter"), ("CN", "A4")])
def test_the_paper_follows_the_country(country, paper):
    assert signed_agreement(country=country).evidence["paper"] == paper


@pytest.mark.parametrize("typed", ["Zoë Żółć", "zoë  żółć", " ZOË\u00a0ŻÓŁĆ ", "Zoe\u0308 Żółć"])
def test_a_name_may_be_typed_in_any_case_and_spelling(typed):
    access_request = ready_request(legal_name="Zoë Żółć")
    agreement = sign(**signature(access_request, typed_name=typed))
    assert agreement.values["applicant_name"] == "Zoë Żółć"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"typed_name": "Zoe Zolc"}, "typed_name"),
        ({"typed_name": ""}, "typed_name"),
        ({"affirmations": ["read"]}, "affirmations"),
        ({"affirmations": []}, "affirmations"),
        ({"consent_electronic": False}, "consent_electronic"),
    ],
)
def test_half_a_signature_signs_nothing_and_says_what_is_missing(changes, field):
    access_request = ready_request(legal_name="Zoë Żółć")
    with pytest.raises(Invalid) as refusal:
        sign(**signature(access_request, **changes))
    assert list(refusal.value.fields) == [field]
    assert_nothing_signed(access_request)


def test_an_incomplete_request_is_not_signed():
    access_request = ready_request(purpose=" ")
    with pytest.raises(Invalid) as refusal:
        sign(**signature(access_request))
    assert "purpose" in refusal.value.fields
    assert_nothing_signed(access_request)


@pytest.mark.parametrize("age", [timedelta(minutes=5, seconds=2), timedelta(days=1)])
def test_an_old_login_is_not_enough(age):
    access_request = ready_request()
    with pytest.raises(Refused, match="password or code again"):
        sign(**signature(access_request, reauthenticated_at=timezone.now() - age))
    assert_nothing_signed(access_request)


def test_an_address_must_be_verified():
    access_request = ready_request()
    EmailAddress.objects.update(verified=False)
    with pytest.raises(Refused, match="verify your e-mail address"):
        sign(**signature(access_request))
    assert_nothing_signed(access_request)


def test_an_address_refused_since_sign_up_cannot_sign():
    access_request = ready_request()
    InstitutionDomain.objects.create(domain="pier.example", standing="deny", source="test")
    with pytest.raises(Refused, match="not accepted"):
        sign(**signature(access_request))
    assert_nothing_signed(access_request)


def test_nobody_signs_for_somebody_else():
    access_request = ready_request()
    with pytest.raises(Refused):
        sign(**signature(access_request, by=UserFactory()))
    assert_nothing_signed(access_request)
    missing = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(NotFound):
        sign(**signature(access_request, access_request_id=missing))


@pytest.mark.parametrize("state", [s for s in State if s not in TRANSITIONS[Verb.SIGN]])
def test_a_request_that_moved_on_is_not_signed(state):
    access_request = ready_request()
    arguments = signature(access_request)
    AccessRequest.objects.filter(pk=access_request.pk).update(state=state)
    with pytest.raises(Conflict):
        sign(**arguments)
    assert_nothing_signed(access_request, state)


def test_signing_twice_signs_once():
    access_request = ready_request()
    arguments = signature(access_request)
    sign(**arguments)
    with pytest.raises(Conflict):
        sign(**arguments)
    assert Agreement.objects.count() == 1


def test_a_returned_request_is_signed_again_under_a_new_number():
    first = signed_agreement()
    access_request = first.access_request
    AccessRequest.objects.filter(pk=access_request.pk).update(
        state=State.RETURNED, purpose="Changed."
    )
    access_request.refresh_from_db()
    second = sign(**signature(access_request))
    first.refresh_from_db()
    assert first.number != second.number
    assert first.values["purpose"] != second.values["purpose"] == "Changed."


def _change_an_answer(access_request):
    AccessRequest.objects.filter(pk=access_request.pk).update(purpose="Something else.")


def _name_somebody(access_request):
    NamedPersonFactory(access_request=access_request)


def _replace_the_approval(access_request):
    EthicsDocumentFactory(access_request=access_request)


def _publish_a_release(access_request):
    make_release(access_request.dataset, "9.9")


def _publish_another_text(access_request):
    publish_text(access_request.dataset, 2, text_source("may admire"))


def _change_the_card(access_request):
    access_request.dataset.card = card_table(contact={"name": "Bo", "email": "bo@pier.example"})
    access_request.dataset.save()


@pytest.mark.parametrize(
    "meanwhile",
    [
        _change_an_answer,
        _name_somebody,
        _replace_the_approval,
        _publish_a_release,
        _publish_another_text,
        _change_the_card,
    ],
)
def test_what_changed_after_it_was_shown_is_not_signed(meanwhile):
    access_request = ready_request(ethics="approved", ethics_reference="PIER-1")
    EthicsDocumentFactory(access_request=access_request)
    arguments = signature(access_request)
    meanwhile(access_request)
    with pytest.raises(Conflict, match="no longer the one you were shown"):
        sign(**arguments)
    assert_nothing_signed(access_request)


def test_the_language_of_the_page_does_not_change_what_is_signed():
    access_request = ready_request(country="DE")
    with translation.override("de"):
        arguments = signature(access_request)
    assert sign(**arguments).values["country"] == "Germany"


def test_without_an_entry_nothing_is_signed(monkeypatch):
    access_request = ready_request()
    arguments = signature(access_request)

    def broken(*args, **kwargs):
        raise RuntimeError("the log is full")

    monkeypatch.setattr(log, "record", broken)
    with pytest.raises(RuntimeError, match="the log is full"), transaction.atomic():
        sign(**arguments)
    monkeypatch.undo()
    assert_nothing_signed(access_request)


def test_a_signed_agreement_cannot_be_edited_or_deleted():
    agreement = signed_agreement()
    agreement.values = {}
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        agreement.save()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        agreement.delete()


def test_the_preview_shows_what_will_be_signed():
    access_request = ready_request(purpose="To <b>learn</b>")
    shown = preview(access_request)
    assert "To &lt;b&gt;learn&lt;/b&gt;" in shown.html
    assert [item.key for item in shown.affirmations] == ["read", "kind"]
    assert shown.shown_sha256 == sign(**signature(access_request)).evidence["shown_sha256"]


def test_the_ethics_approval_is_tied_in_by_its_digest():
    access_request = ready_request(ethics="approved", ethics_reference="PIER-1")
    document = EthicsDocumentFactory(access_request=access_request)
    ethics = collect_answers(access_request)["ethics"]
    for fact in ("PIER-1", document.name, document.sha256):
        assert fact in ethics


def test_a_supervisor_is_named_for_students_only():
    access_request = ready_request(supervisor="Dr Tern", is_student=False)
    assert collect_answers(access_request)["supervisor"] == ""
    access_request.is_student = True
    assert collect_answers(access_request)["supervisor"] == "Dr Tern"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("requests", [1, 2])
def test_signatures_at_the_same_moment_count_once_each(requests, tmp_path, monkeypatch):
    monkeypatch.setattr("requests_app.queue._send", lambda name, ids: None)
    first = ready_request()
    second = first if requests == 1 else ready_request(dataset=first.dataset)
    arguments = [signature(first), signature(second)]
    together = threading.Barrier(2, timeout=20)
    told: list[str] = []

    def work(given):
        together.wait()
        try:
            told.append(sign(**given).number)
        except Conflict as error:
            told.append(error.message)
        finally:
            connections.close_all()

    with file_database(tmp_path):
        workers = [threading.Thread(target=work, args=(given,)) for given in arguments]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        numbers = set(Agreement.objects.values_list("number", flat=True))
    assert len(numbers) == requests
    assert len(told) == 2
    assert numbers <= set(told)


def test_under_the_longest_slug_the_number_is_kept_and_its_page_has_an_address():
    """PostgreSQL holds a column to its length; SQLite does not."""
    slug = "g" * Dataset._meta.get_field("slug").max_length
    access_request = ready_request(dataset=DatasetFactory(slug=slug))
    agreement = sign(**signature(access_request))
    assert agreement.number.startswith(f"{slug.upper()}-DAA-")
    assert len(agreement.number) <= NUMBER_LENGTH
    assert reverse("verify_number", args=[agreement.number]).endswith(agreement.number)
    assert render_document(agreement_id=agreement.pk).size
