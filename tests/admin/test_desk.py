"""The auditor's desk: finding, counting and exporting entries, and that looking leaves one."""

import csv
import io
import json
from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError
from django.urls import reverse
from django.utils import timezone
from lxml import html

from requests_app.admin import log_search, timeline
from requests_app.admin.activity import GROUPS, WEEKS
from requests_app.admin.looking import LONGEST_QUERY
from requests_app.agreements.signatories import Signatory
from requests_app.audit import kinds, log
from requests_app.audit.canonical import commitment
from requests_app.audit.models import Entry, PersonalValue
from requests_app.audit.origin import Origin, acting_from
from tests.admin.places import QUEUE, at, form_of, page_of
from tests.factories.cosigning import collect, ready_together
from tests.factories.requests import UserFactory, approver, auditor, reviewer, superuser
from tests.factories.review import granted, submitted

pytestmark = pytest.mark.django_db
LIST = "entry_changelist"


def an_entry(kind=kinds.GRANT_REVOKED, *, by=log.SYSTEM, on, **details):
    with acting_from(Origin(ip="192.0.2.7")):
        return log.record(kind, by=by, on=on, **details)


def found(client, **query):
    """The ids of the entries that the list shows."""
    page = html.fromstring(client.get(at(LIST), query).text)
    links = page.xpath("//table[@id='result_list']//th/a/@href")
    return {int(link.split("/")[-3]) for link in links}


@pytest.fixture
def story():
    """Two people with a request and an entry each; the first one is looked for."""
    ada = UserFactory(email="ada.larus@pier.example", full_name="Ada Larus")
    grant, other = granted(applicant=ada), granted()
    entry = an_entry(on=grant, reason="Too many gulls")
    path = "clips/0001.mp4"
    fetched = an_entry(kinds.FILE_DOWNLOADED, by=ada, on=grant, path=path, bytes=1)
    signed_in = an_entry(kinds.SIGNED_IN, by=ada, on=ada, method="password")
    an_entry(on=other, reason="Too few")
    return grant, entry, fetched, signed_in


def test_a_person_is_found_by_address_and_by_name_with_all_that_happened_to_them(enter, story):
    _, *entries = story
    client = enter(auditor())
    expected = {entry.pk for entry in entries}
    for term in ("ada.larus@pier.example", "ada.larus@", "Ada Larus", "larus"):
        assert found(client, q=term) == expected, term


def test_who_was_invited_to_sign_is_found_without_an_account(enter):
    collect(ready_together("Bea Sterna"))
    signatory = Signatory.objects.get(name="Bea Sterna")
    invited = Entry.objects.get(subject=signatory.audit_ref)
    signed = an_entry(kinds.AGREEMENT_COSIGNED, by=signatory, on=signatory.agreement)
    client = enter(auditor())
    for term in ("Bea Sterna", signatory.email, "sterna"):
        assert {invited.pk, signed.pk} <= found(client, q=term), term


def test_an_address_finds_the_sign_ins_that_failed_with_it_and_the_mails_to_it(enter):
    tried = an_entry(kinds.SIGN_IN_FAILED, by=log.ANYONE, on=log.ANYONE, email="Ada@Pier.example")
    mailed = an_entry(kinds.MESSAGE_SENT, on=log.Named("message:1"), recipient="ada@pier.example")
    an_entry(kinds.SIGN_IN_FAILED, by=log.ANYONE, on=log.ANYONE, email="bea@pier.example")
    an_entry(kinds.REQUEST_WITHDRAWN, on=log.Named("x:1"), reason="Write to ada@pier.example.")
    assert found(enter(auditor()), q="ada@pier.example") == {tried.pk, mailed.pk}


def test_a_path_finds_what_was_refused_of_it_too(enter, story):
    grant, _, fetched, _ = story
    refused = an_entry(kinds.LINK_REFUSED, on=grant, why="link_revoked", path="file/clips/0001.mp4")
    assert found(enter(auditor()), q="clips/0001.mp4") == {fetched.pk, refused.pk}


def test_nobody_who_matches_is_left_out_and_too_many_are_refused(enter, monkeypatch):
    people = [UserFactory(full_name=f"Gull {number}") for number in range(60)]
    for person in people:
        an_entry(kinds.SIGNED_IN, by=person, on=person, method="password")
    client = enter(auditor())
    assert len(exported(client, "jsonl", q="Gull").splitlines()) == 1 + 60  # a checkpoint first
    monkeypatch.setattr(log_search, "MOST_PEOPLE", 59)
    page = client.get(at(LIST), {"q": "Gull"})
    assert "More than 59 people match “Gull”" in page.text
    assert found(client, q="Gull") == set()
    refused = client.get(at("entry_export", "csv"), {"q": "Gull"})
    assert refused.status_code == 400
    assert "More than 59 people" in refused.text


def test_a_request_and_its_agreement_lead_to_the_whole_story_of_the_request(enter, story):
    grant, entry, fetched, _ = story
    client = enter(auditor())
    expected = {entry.pk, fetched.pk}
    number = "PIER-DAA-2026-000001"
    type(grant.agreement).objects.create(
        number=number,
        access_request=grant.access_request,
        text=grant.agreement.text,
        signer=grant.applicant,
        values={},
        evidence={},
    )
    assert found(client, q=str(grant.access_request_id)) == expected
    assert found(client, q=number) == expected
    assert entry.pk in found(client, q=str(grant.pk))


def test_a_file_a_kind_and_a_day_find_theirs(enter, story):
    _, entry, fetched, _ = story
    client = enter(auditor())
    assert found(client, q="clips/0001.mp4") == {fetched.pk}
    assert found(client, q="file:downloaded") == {fetched.pk}
    assert fetched.pk in found(client, kind=kinds.FILE_DOWNLOADED)
    assert entry.pk not in found(client, kind=kinds.FILE_DOWNLOADED)
    with time_machine.travel(timezone.now() - timedelta(days=400)):
        old = an_entry(on=log.Named("grant:1"))
    assert found(client, at__year=old.at.year, at__month=old.at.month) == {old.pk}


@pytest.mark.parametrize("term", ["%", "_", "' OR 1=1 --", "(", "ä" * 300, "user:999", "grant:"])
def test_no_term_breaks_the_search(enter, story, term):
    assert enter(auditor()).get(at(LIST), {"q": term}).status_code == 200


def exported(client, form, **query):
    response = client.get(reverse("admin:requests_app_entry_export", args=[form]), query)
    assert response.status_code == 200
    assert {"private", "no-store"} <= set(response["Cache-Control"].split(", "))
    return b"".join(response.streaming_content).decode()


def test_an_export_holds_what_the_list_shows_with_values_that_can_be_checked(enter, story):
    _, entry, *_ = story
    rows = exported(enter(auditor()), "jsonl", kind=kinds.GRANT_REVOKED, q="ada.larus@")
    [row] = [json.loads(line) for line in rows.splitlines()[1:]]
    assert (row["id"], row["kind"]) == (entry.pk, entry.kind)
    personal = row["personal"]["reason"]
    assert personal["value"] == "Too many gulls"
    assert commitment(personal["salt"], personal["value"]) == row["commitments"]["reason"]


def test_an_erased_value_is_exported_as_erased(enter, story):
    _, entry, *_ = story
    entry.personal_values.all().delete()
    rows = exported(enter(auditor()), "jsonl", kind=kinds.GRANT_REVOKED, q="ada.larus@")
    assert json.loads(rows.splitlines()[1])["personal"] == {"ip": None, "reason": None}


def test_a_table_is_read_back_and_no_cell_is_a_formula(enter, story):
    grant, *_ = story
    an_entry(kinds.LINK_REFUSED, by=log.Named("=cmd|' /C calc'!A0"), on=grant, path="x")
    rows = list(csv.DictReader(io.StringIO(exported(enter(auditor()), "csv"))))
    assert len(rows) == Entry.objects.exclude(kind=kinds.LOG_EXPORTED).count()
    assert json.loads(rows[0]["personal"])["reason"] == "Too many gulls"
    assert rows[-1]["actor"] == "'=cmd|' /C calc'!A0"


def test_an_export_is_an_entry_with_what_was_asked_for(enter, story):
    user = auditor()
    exported(enter(user), "csv", q="ada.larus@pier.example")
    entry = Entry.objects.get(kind=kinds.LOG_EXPORTED)
    assert (entry.actor, entry.details) == (user.audit_ref, {"format": "csv", "count": 3})
    assert entry.personal_values.get(field="query").value == "q=ada.larus%40pier.example"


def test_only_oversight_exports_and_counts(enter, story):
    grant, *_ = story
    for name, args in (("export", ["csv"]), ("activity", [])):
        url = reverse(f"admin:requests_app_entry_{name}", args=args)
        for person in (approver(grant.dataset), reviewer(grant.dataset)):
            assert enter(person).get(url).status_code == 403
        assert enter(superuser()).get(url).status_code == 200
    client = enter(auditor())
    url = reverse("admin:requests_app_entry_export", args=["csv"])
    assert client.get(url, {"nonsense": "1"}).status_code == 400
    assert client.post(url).status_code == 400
    assert client.get(reverse("admin:requests_app_entry_export", args=["exe"])).status_code == 404


def test_activity_counts_each_group_by_week(enter, story):
    grant, *_ = story
    with time_machine.travel(timezone.now() - timedelta(weeks=1)):
        an_entry(kinds.FILE_DOWNLOADED, on=grant, path="x")
    with time_machine.travel(timezone.now() - timedelta(weeks=WEEKS + 1)):
        an_entry(kinds.FILE_DOWNLOADED, on=grant, path="x")
    page = html.fromstring(enter(auditor()).get(at("entry_activity")).text)
    column = list(GROUPS).index("Files and archives handed out") + 1
    counts = [int(cell) for cell in page.xpath(f"//tbody/tr/td[{column}]/text()")]
    assert counts == [1, 1, *[0] * (WEEKS - 2)]
    assert len(page.xpath("//figure/svg")) == len(GROUPS)


@pytest.mark.parametrize("role", [approver, reviewer])
def test_whoever_opens_a_request_leaves_an_entry_in_its_story(enter, role):
    access_request = submitted()
    user = role(access_request.dataset)
    enter(user).get(page_of(access_request))
    entry = Entry.objects.get(kind=kinds.STAFF_LOOKED)
    assert (entry.actor, entry.trail) == (user.audit_ref, access_request.audit_trail)
    assert entry.details == {"page": "accessrequest_page"}


def test_a_form_that_comes_back_with_its_page_is_a_look(enter):
    access_request = submitted()
    user = approver(access_request.dataset)
    url = reverse("admin:requests_app_accessrequest_approve", args=[access_request.pk])
    response = enter(user).post(url, {"reason": ""})
    assert response.status_code == 400
    assert access_request.legal_name in response.text
    entry = Entry.objects.get(kind=kinds.STAFF_LOOKED)
    assert (entry.actor, entry.trail) == (user.audit_ref, access_request.audit_trail)


def test_what_staff_searched_for_is_entered_as_a_personal_value(enter):
    enter(auditor()).get(at(QUEUE), {"q": "ada.larus@pier.example"})
    entry = Entry.objects.get(kind=kinds.STAFF_LOOKED)
    assert entry.subject == "page:accessrequest_changelist"
    assert "ada" not in f"{entry.details}{entry.subject}"
    assert "ada.larus" in entry.personal_values.get(field="query").value


def test_a_list_answers_no_post(enter, story):
    client = enter(auditor())
    for name in (LIST, QUEUE, "entry_activity"):
        assert client.post(at(name), {"q": "ada.larus@pier.example"}).status_code == 405
    assert not Entry.objects.filter(kind=kinds.STAFF_LOOKED).exists()


@pytest.mark.parametrize("verb", ["approve", "return", "reject"])
def test_a_form_that_comes_back_with_its_faults_is_a_look(enter, verb):
    access_request = submitted()
    response = enter(approver(access_request.dataset)).post(form_of(access_request, verb), {})
    assert response.status_code == 400
    assert access_request.legal_name in response.text
    entry = Entry.objects.get(kind=kinds.STAFF_LOOKED)
    assert (entry.trail, entry.details["page"]) == (
        access_request.audit_trail,
        f"accessrequest_{verb}",
    )


@pytest.mark.parametrize(
    "where", [at(LIST), reverse("admin:requests_app_entry_export", args=["csv"])]
)
def test_no_query_is_too_long_to_be_entered_whole(enter, story, where):
    client = enter(auditor())
    response = client.get(f"{where}?q={'+' * 600}ada.larus%40pier.example")
    assert response.status_code == 200
    list(response)
    [query] = PersonalValue.objects.filter(field="query").values_list("value", flat=True)
    assert query.endswith("+ada.larus%40pier.example")
    response = client.get(f"{where}?q={'+' * LONGEST_QUERY}ada.larus%40pier.example")
    assert response.status_code == 400
    assert response.text == "Search for something shorter."


def test_what_was_not_shown_is_no_look(enter):
    access_request = submitted()
    client = enter(approver())  # of another dataset
    assert client.get(page_of(access_request)).status_code == 404
    assert client.head(at(QUEUE)).status_code == 200
    assert client.get(reverse("admin:index")).status_code == 200
    assert not Entry.objects.filter(kind=kinds.STAFF_LOOKED).exists()


def test_nothing_is_shown_when_the_look_cannot_be_entered(enter, monkeypatch):
    access_request = submitted()
    client = enter(approver(access_request.dataset), raise_request_exception=False)

    def refuse(*args, **kwargs):
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(log, "record", refuse)
    response = client.get(page_of(access_request))
    assert response.status_code == 500
    assert access_request.legal_name not in response.text


def test_the_story_of_a_request_goes_on_on_another_page(enter, monkeypatch):
    monkeypatch.setattr(timeline, "NEWEST", 2)
    access_request = submitted()
    an_entry(kinds.REQUEST_RETURNED, on=access_request, reason="The oldest reason")
    for _ in range(2):
        an_entry(kinds.LINK_ISSUED, on=access_request)
    client = enter(approver(access_request.dataset))
    page = html.fromstring(client.get(page_of(access_request)).text)
    assert "The oldest reason" not in page.text_content()
    [older] = page.xpath("//nav[@aria-label='Pages of what happened']/a/@href")
    page = html.fromstring(client.get(page_of(access_request) + older.partition("#")[0]).text)
    assert "The oldest reason" in page.text_content()
    links = page.xpath("//nav[@aria-label='Pages of what happened']/a/text()")
    assert links == ["Newer"]


def test_the_story_of_a_request_sums_the_looks(enter):
    access_request = submitted()
    client = enter(approver(access_request.dataset))
    for _ in range(3):
        text = client.get(page_of(access_request)).text
    assert "Read by staff, 2 times" in text
