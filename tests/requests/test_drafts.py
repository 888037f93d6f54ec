"""Starting and saving: two tabs, two presses, and what is never lost."""

from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.db import connection

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.errors import Conflict, Invalid, NotFound, Refused
from requests_app.requests import drafts
from requests_app.requests.documents import check_pdf
from requests_app.requests.models import AccessRequest, EthicsDocument
from requests_app.requests.states import State
from tests.factories.file_database import file_database
from tests.factories.requests import (
    AccessRequestFactory,
    DatasetFactory,
    NamedPersonFactory,
    UserFactory,
)
from tests.factories.review import put
from tests.factories.uploads import a_pdf

pytestmark = pytest.mark.django_db


def save(access_request, *, by=None, revision=None, people=None, **answers):
    return drafts.save(
        access_request_id=access_request.pk,
        by=by or access_request.applicant,
        revision=access_request.revision if revision is None else revision,
        answers=answers,
        named_people=people,
    )


def upload(access_request, body="", **kwargs):
    return drafts.keep_ethics_document(
        access_request_id=access_request.pk,
        by=kwargs.get("by", access_request.applicant),
        upload=check_pdf(name="approval.pdf", content=a_pdf(body)),
    )


def entries(access_request, kind=kinds.REQUEST_SAVED):
    return Entry.objects.filter(trail=access_request.audit_trail, kind=kind).order_by("pk")


def test_starting_makes_an_empty_draft_with_the_name_filled_in():
    user, dataset = UserFactory(full_name="陈伟"), DatasetFactory()
    access_request = drafts.start(dataset=dataset, by=user)
    assert (access_request.state, access_request.legal_name) == (State.DRAFT, "陈伟")
    assert entries(access_request, kinds.REQUEST_STARTED).get().details == {"dataset": dataset.slug}


def test_starting_twice_leaves_one_draft_until_it_is_saved():
    user, dataset = UserFactory(), DatasetFactory()
    first = drafts.start(dataset=dataset, by=user)
    assert drafts.start(dataset=dataset, by=user) == first
    save(first, purpose="Gulls.")
    assert drafts.start(dataset=dataset, by=user) != first


def test_a_draft_with_an_upload_is_not_handed_out_as_untouched():
    user, dataset = UserFactory(), DatasetFactory()
    first = drafts.start(dataset=dataset, by=user)
    upload(first)
    assert drafts.start(dataset=dataset, by=user) != first


def test_there_is_an_end_to_open_drafts_and_each_person_has_their_own():
    user = UserFactory()
    AccessRequestFactory.create_batch(drafts.OPEN_DRAFTS, applicant=user, revision=1)
    with pytest.raises(Refused, match="drafts already"):
        drafts.start(dataset=DatasetFactory(), by=user)
    drafts.start(dataset=DatasetFactory(), by=UserFactory())
    put(user.access_requests.first(), State.SUBMITTED)
    drafts.start(dataset=DatasetFactory(), by=user)


def test_saving_keeps_what_was_given_leaves_the_rest_and_names_the_fields_only():
    access_request = AccessRequestFactory(purpose="Old.", department="Seabirds")
    saved = save(access_request, purpose=" New\r\npurpose. ", department="Seabirds")
    assert (saved.purpose, saved.department, saved.revision) == ("New\npurpose.", "Seabirds", 1)
    entry = entries(access_request).get()
    assert entry.details == {"revision": 1, "changed": ["purpose"]}


def test_a_draft_may_be_incomplete_but_not_malformed():
    access_request = AccessRequestFactory()
    assert save(access_request, purpose="", institution="").purpose == ""
    access_request.refresh_from_db()
    with pytest.raises(Invalid) as caught:
        save(access_request, legal_name="a\r\nb", purpose="kept?")
    assert set(caught.value.fields) == {"legal_name"}
    access_request.refresh_from_db()
    assert access_request.purpose == ""


def test_the_second_of_two_tabs_is_told_and_overwrites_nothing():
    access_request = AccessRequestFactory()
    save(access_request, revision=0, purpose="From the first tab.")
    with pytest.raises(drafts.Overtaken, match="another tab"):
        save(access_request, revision=0, purpose="From the second tab.")
    access_request.refresh_from_db()
    assert access_request.purpose == "From the first tab."
    assert save(access_request, purpose="On purpose.").revision == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_tabs_that_save_at_once_one_wins_and_the_other_is_told(tmp_path):
    with file_database(tmp_path):
        access_request = AccessRequestFactory()
        start, outcomes = Barrier(2), []

        def press(purpose: str) -> None:
            try:
                start.wait(timeout=10)
                save(access_request, revision=0, purpose=purpose)
                outcomes.append(purpose)
            except drafts.Overtaken:
                outcomes.append("told")
            finally:
                connection.close()

        threads = [Thread(target=press, args=(text,)) for text in ("One.", "Two.")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        access_request.refresh_from_db()
        assert sorted(outcomes) == sorted([access_request.purpose, "told"])
        assert access_request.revision == 1
        assert entries(access_request).count() == 1


def test_named_people_are_replaced_as_a_whole_and_only_when_they_changed():
    access_request = AccessRequestFactory()
    NamedPersonFactory(access_request=access_request)
    bo = {"name": "Bo", "email": "bo@pier.example", "role": ""}
    save(access_request, people=[bo, {}])
    assert [person.as_value() for person in access_request.named_people.all()] == [bo]
    kept = access_request.named_people.get().pk
    access_request.refresh_from_db()
    save(access_request, people=[bo])
    assert access_request.named_people.get().pk == kept
    assert [entry.details["changed"] for entry in entries(access_request)] == [["named_people"], []]
    access_request.refresh_from_db()
    save(access_request, people=[])
    assert not access_request.named_people.exists()


def test_people_stay_when_none_are_given():
    person = NamedPersonFactory()
    save(person.access_request, purpose="New.")
    assert person.access_request.named_people.get() == person


def test_an_upload_is_kept_at_once_without_disturbing_another_tab():
    access_request = AccessRequestFactory()
    document = upload(access_request)
    assert bytes(document.content) == a_pdf()
    assert entries(access_request).get().details["ethics_document_sha256"] == document.sha256
    save(access_request, revision=0, purpose="Typed meanwhile.")


def test_replacing_an_upload_keeps_the_first_and_the_same_file_is_kept_once():
    access_request = AccessRequestFactory(ethics=AccessRequest.Ethics.APPROVED)
    first = upload(access_request, "first")
    assert upload(access_request, "first") == first
    second = upload(access_request, "second")
    assert access_request.ethics_document == second
    assert EthicsDocument.objects.count() == 2


def test_there_is_an_end_to_uploads(monkeypatch):
    monkeypatch.setattr(drafts, "DOCUMENTS_PER_REQUEST", 2)
    access_request = AccessRequestFactory()
    upload(access_request, "1")
    upload(access_request, "2")
    with pytest.raises(Refused, match="uploaded already"):
        upload(access_request, "3")


def test_an_upload_does_not_count_when_no_approval_is_claimed():
    access_request = AccessRequestFactory()
    document = upload(access_request)
    assert access_request.ethics_document is None
    assert access_request.latest_ethics_document == document


def test_nobody_else_saves_or_uploads_and_what_is_gone_is_not_found():
    access_request, stranger = AccessRequestFactory(), UserFactory()
    with pytest.raises(Refused):
        save(access_request, by=stranger, purpose="Mine now.")
    with pytest.raises(Refused):
        upload(access_request, by=stranger)
    with pytest.raises(NotFound):
        drafts.save(access_request_id=uuid4(), by=stranger, revision=0, answers={})


@pytest.mark.parametrize("state", [state for state in State if state not in ("draft", "returned")])
def test_a_signed_request_is_neither_edited_nor_uploaded_to(state):
    access_request = put(AccessRequestFactory(), state)
    with pytest.raises(Conflict):
        save(access_request, purpose="Afterthought.")
    with pytest.raises(Conflict):
        upload(access_request)
