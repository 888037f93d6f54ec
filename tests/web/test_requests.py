"""The applicant's side over HTTP: the list, the form, where a request stands, its documents."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from allauth.account.models import EmailAddress
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lxml import html

from requests_app.audit import checkpoints, kinds, log
from requests_app.audit.models import Entry
from requests_app.identity.models import User
from requests_app.requests import answers as answering
from requests_app.requests import drafts
from requests_app.requests.models import LONGEST_PURPOSE, AccessRequest
from requests_app.requests.states import State, Verb
from requests_app.review import decisions
from requests_app.web import timeline
from tests.factories.requests import (
    AccessRequestFactory,
    DatasetFactory,
    EthicsDocumentFactory,
    NamedPersonFactory,
    UserFactory,
    approver,
)
from tests.factories.review import PDF, decided, granted, link_of, put, sign, submitted
from tests.factories.uploads import a_pdf
from tests.web.form_filling import beside, fields, summary, text

pytestmark = pytest.mark.django_db

HOSTILE = ["<script>alert(1)</script>", "<img src=file:///etc/passwd>", "{{ 7*7 }}", "{% debug %}"]


def verified(user: User | None = None) -> User:
    user = user or UserFactory()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def enter(client: Client, access_request: AccessRequest) -> str:
    """Signs the request's applicant in; returns the address of the form."""
    client.force_login(verified(access_request.applicant))
    return reverse("request_edit", args=[access_request.pk])


def detail(access_request: AccessRequest) -> str:
    return reverse("request_detail", args=[access_request.pk])


def send(client: Client, url: str, then: str = "save", **changes: object):
    """Opens the form, types `changes`, and presses a button."""
    return client.post(url, fields(client.get(url).content, then=then, **changes))


# --- entering -------------------------------------------------------------------------------------


def test_a_visitor_is_sent_to_sign_in_and_back(client):
    url = reverse("request_new")
    response = client.get(url)
    assert response.status_code == HTTPStatus.FOUND
    assert response.url == f"{reverse('account_login')}?next={url}"


def test_an_unverified_address_is_refused_with_a_sentence(client):
    access_request = AccessRequestFactory()
    client.force_login(access_request.applicant)
    EmailAddress.objects.create(
        user=access_request.applicant, email=access_request.applicant.email, verified=False
    )
    for url in (reverse("request_list"), reverse("request_new"), detail(access_request)):
        response = client.get(url)
        assert response.status_code == HTTPStatus.FORBIDDEN
        assert "is not verified yet" in text(response.content)


def test_pages_of_a_request_are_kept_by_no_browser_or_proxy(client):
    access_request = AccessRequestFactory()
    enter(client, access_request)
    for name in ("request_detail", "request_edit", "request_withdraw"):
        policy = client.get(reverse(name, args=[access_request.pk])).headers["Cache-Control"]
        assert {"no-store", "private"} <= set(policy.split(", "))


# --- the list -------------------------------------------------------------------------------------


def test_an_empty_list_says_what_to_do(client):
    DatasetFactory()
    client.force_login(verified())
    response = client.get(reverse("request_list"))
    assert "You have not requested anything yet" in text(response.content)
    assert reverse("request_new") in response.content.decode()


def test_the_list_shows_title_dataset_state_and_age_of_ones_own_requests(client):
    mine = AccessRequestFactory(
        research_title="陈伟 <b>", state_since=timezone.now() - timedelta(days=3)
    )
    AccessRequestFactory(research_title="Somebody else's")
    enter(client, mine)
    shown = text(client.get(reverse("request_list")).content)
    assert "陈伟 <b>" in shown
    assert "Draft" in shown
    assert "3 days ago" in shown
    assert mine.dataset.card["short_title"] in shown
    assert "Somebody else's" not in shown


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_costs_the_same_however_long(client, django_assert_num_queries, number):
    user = verified()
    AccessRequestFactory.create_batch(number, applicant=user)
    client.force_login(user)
    with django_assert_num_queries(5):
        client.get(reverse("request_list"))


# --- starting -------------------------------------------------------------------------------------


def test_opening_the_start_page_makes_nothing_and_pressing_twice_makes_one(client):
    dataset = DatasetFactory()
    client.force_login(verified())
    page = client.get(reverse("request_new"))
    assert not AccessRequest.objects.exists()
    first = client.post(reverse("request_new"), fields(page.content))
    again = client.post(reverse("request_new"), fields(page.content))
    access_request = AccessRequest.objects.get(dataset=dataset)
    assert first.url == again.url == reverse("request_edit", args=[access_request.pk])


def test_the_dataset_may_be_named_and_an_unknown_one_is_not_found(client):
    first, second = DatasetFactory(), DatasetFactory()
    client.force_login(verified())
    assert second.title in text(
        client.get(f"{reverse('request_new')}?dataset={second.slug}").content
    )
    assert first.title in text(client.get(reverse("request_new")).content)
    response = client.get(f"{reverse('request_new')}?dataset=nothing")
    assert response.status_code == HTTPStatus.NOT_FOUND


def test_too_many_drafts_are_refused_with_a_sentence(client):
    user = verified()
    AccessRequestFactory.create_batch(drafts.OPEN_DRAFTS, applicant=user, revision=1)
    client.force_login(user)
    response = client.post(reverse("request_new"), follow=True)
    assert "drafts already" in text(response.content)
    assert AccessRequest.objects.count() == drafts.OPEN_DRAFTS


# --- the form -------------------------------------------------------------------------------------


def test_the_verified_address_is_shown_and_cannot_be_edited(client):
    access_request = AccessRequestFactory()
    url = enter(client, access_request)
    response = client.get(url)
    assert access_request.applicant.email in text(response.content)
    assert "email" not in fields(response.content)
    send(client, url, email="other@pier.example")
    access_request.applicant.refresh_from_db()
    assert access_request.applicant.email != "other@pier.example"


def test_a_draft_is_saved_half_empty_and_comes_back_as_it_was(client):
    access_request = AccessRequestFactory(purpose="", institution="")
    url = enter(client, access_request)
    response = send(client, url, legal_name="陈伟", purpose="One\r\ntwo", is_student="on")
    assert response.url == url
    shown = fields(client.get(url).content)
    assert (shown["legal_name"], shown["is_student"]) == (["陈伟"], ["on"])
    access_request.refresh_from_db()
    assert (access_request.purpose, access_request.institution) == ("One\ntwo", "")


def test_saving_what_the_page_shows_changes_nothing(client):
    access_request = AccessRequestFactory(purpose=" & <b>\n\nsecond\tpart", country="CI")
    NamedPersonFactory(access_request=access_request)
    url = enter(client, access_request)
    before = {name: getattr(access_request, name) for name in answering.ANSWERS}
    before["purpose"] = before["purpose"].strip()
    send(client, url, statements=["no-feeding"])
    access_request.refresh_from_db()
    before["statements"] = ["no-feeding"]
    assert {name: getattr(access_request, name) for name in answering.ANSWERS} == before
    assert access_request.named_people.count() == 1


def test_a_complete_form_goes_on_to_signing(client):
    access_request = AccessRequestFactory()
    response = send(client, enter(client, access_request), then="sign")
    assert response.url == reverse("request_sign", args=[access_request.pk])


def test_going_on_too_early_saves_and_says_beside_each_field_what_is_missing(client):
    access_request = AccessRequestFactory(purpose="", country="", statements=[])
    NamedPersonFactory(access_request=access_request, email="")
    url = enter(client, access_request)
    response = send(client, url, then="sign", institution="", department="Seals")
    assert response.url == f"{url}?check"
    page = client.get(response.url).content
    access_request.refresh_from_db()
    assert access_request.department == "Seals"
    for name in ("purpose", "country", "institution", "statements", "named_people-0-email"):
        assert beside(page, name), name
    assert not beside(page, "legal_name")
    assert len(summary(page)) == 5


def test_every_line_of_the_summary_leads_to_a_control(client):
    access_request = AccessRequestFactory(
        purpose="", ethics="", country="", statements=[], research_title=""
    )
    url = enter(client, access_request)
    page = client.get(f"{url}?check").content
    ids = set(html.fromstring(page.decode()).xpath("//input/@id | //textarea/@id | //select/@id"))
    anchors = {anchor for _, anchor in summary(page)}
    assert len(anchors) == 5
    assert anchors <= ids


def test_wrong_input_is_kept_and_told_beside_its_field_and_nothing_is_saved(client):
    access_request = AccessRequestFactory()
    url = enter(client, access_request)
    response = send(client, url, legal_name="Ada\r\nBcc: x", department="Seals", country="XX")
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert "on one line" in beside(response.content, "legal_name")[0]
    assert beside(response.content, "country")
    assert fields(response.content)["department"] == ["Seals"]
    assert "Bcc: x" in fields(response.content)["legal_name"][0]
    access_request.refresh_from_db()
    assert access_request.department == "Seabirds"


@pytest.mark.parametrize("typed", HOSTILE)
def test_hostile_text_is_shown_as_typed_and_does_nothing(client, typed):
    access_request = AccessRequestFactory()
    url = enter(client, access_request)
    send(client, url, purpose=typed, research_title=typed, legal_name=typed)
    for address in (url, detail(access_request), reverse("request_list")):
        page = html.fromstring(client.get(address).content.decode())
        main = page.xpath("//main")[0]
        assert typed in main.text_content()
        assert not main.xpath(".//script | .//img")
    assert fields(client.get(url).content)["purpose"] == [typed]


def test_a_purpose_of_forty_thousand_characters_is_kept_and_a_longer_one_is_kept_on_the_page(
    client,
):
    access_request = AccessRequestFactory()
    url = enter(client, access_request)
    whole = ("x" * 79 + "\r\n") * (LONGEST_PURPOSE // 80 - 1) + "y" * 80
    assert send(client, url, purpose=whole).status_code == HTTPStatus.FOUND
    access_request.refresh_from_db()
    assert len(access_request.purpose) == LONGEST_PURPOSE
    longer = "z" * (LONGEST_PURPOSE + 1)
    response = send(client, url, purpose=longer)
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert "40,000" in beside(response.content, "purpose")[0]
    assert fields(response.content)["purpose"] == [longer]


def test_a_purpose_of_five_thousand_words_is_kept(client):
    """Words of science run to seven letters and more."""
    access_request = AccessRequestFactory()
    purpose = " ".join(["seabird"] * 5_000)[:39_999]
    assert len(purpose.split()) == 5_000
    sent = send(client, enter(client, access_request), purpose=purpose)
    assert sent.status_code == HTTPStatus.FOUND
    access_request.refresh_from_db()
    assert access_request.purpose == purpose


def test_an_enormous_text_is_refused_without_a_traceback(client):
    access_request = AccessRequestFactory()
    url = enter(client, access_request)
    response = send(client, url, purpose="z" * 3_000_000)
    assert response.status_code == HTTPStatus.BAD_REQUEST
    access_request.refresh_from_db()
    assert access_request.revision == 0


def test_the_second_tab_is_told_keeps_its_text_and_may_then_save(client):
    access_request = AccessRequestFactory()
    url = enter(client, access_request)
    second = fields(client.get(url).content, purpose="From the second tab.")
    send(client, url, purpose="From the first tab.")
    response = client.post(url, second)
    assert response.status_code == HTTPStatus.CONFLICT
    assert "another tab" in text(response.content)
    assert fields(response.content)["purpose"] == ["From the second tab."]
    assert client.post(url, fields(response.content)).status_code == HTTPStatus.FOUND
    access_request.refresh_from_db()
    assert access_request.purpose == "From the second tab."


def test_a_form_from_before_signing_is_told_and_its_text_kept(client):
    access_request = AccessRequestFactory()
    url = enter(client, access_request)
    late = fields(client.get(url).content, purpose="An afterthought.")
    sign(access_request)
    response = client.post(url, late)
    assert response.status_code == HTTPStatus.CONFLICT
    assert "“Submitted” now" in text(response.content)
    assert "An afterthought." in text(response.content)
    assert "Save draft" not in text(response.content)
    assert client.get(url, follow=True).redirect_chain[0][0] == detail(access_request)


def test_a_damaged_form_is_a_sentence(client):
    access_request = AccessRequestFactory()
    response = client.post(enter(client, access_request), {"purpose": "x"})
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert "Reload the page" in text(response.content)


# --- named people ---------------------------------------------------------------------------------


def test_people_are_named_in_blank_rows_and_removed_by_emptying_them(client):
    access_request = AccessRequestFactory()
    url = enter(client, access_request)
    send(
        client,
        url,
        **{"named_people-1-name": "محمد", "named_people-1-email": "mo@pier.example"},
    )
    person = access_request.named_people.get()
    assert (person.name, person.email) == ("محمد", "mo@pier.example")
    shown = fields(client.get(url).content)
    assert shown["named_people-0-name"] == ["محمد"]
    assert 'name="named_people-2-name"' in client.get(url).content.decode()
    send(client, url, **{"named_people-0-name": "", "named_people-0-email": ""})
    assert not access_request.named_people.exists()


def test_a_row_that_a_script_took_out_is_gone_and_one_it_added_is_kept(client):
    person = NamedPersonFactory()
    url = enter(client, person.access_request)
    sent = fields(client.get(url).content)
    sent = {name: value for name, value in sent.items() if "named_people-0-" not in name}
    sent |= {
        "named_people-TOTAL_FORMS": "4",
        "named_people-3-name": "Bo",
        "named_people-3-email": "bo@pier.example",
        "named_people-3-role": "",
    }
    assert client.post(url, sent).status_code == HTTPStatus.FOUND
    assert [each.name for each in person.access_request.named_people.all()] == ["Bo"]


def test_a_wrong_person_is_told_beside_the_field_and_kept(client):
    url = enter(client, AccessRequestFactory())
    response = send(client, url, **{"named_people-0-name": "Bo", "named_people-0-email": "nobody"})
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert beside(response.content, "named_people-0-email")
    assert fields(response.content)["named_people-0-name"] == ["Bo"]
    assert summary(response.content)[0][0].startswith("Bo, E-mail address:")


@pytest.mark.parametrize("total", ["60", "999999", "many"])
def test_a_forged_number_of_people_is_a_sentence(client, total):
    url = enter(client, AccessRequestFactory())
    filled = {f"named_people-{n}-name": f"P{n}" for n in range(60)}
    response = send(client, url, **filled, **{"named_people-TOTAL_FORMS": total})
    assert response.status_code == HTTPStatus.BAD_REQUEST


# --- the ethics approval --------------------------------------------------------------------------


def upload(name: str = "Votum Köln.pdf", content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, a_pdf() if content is None else content, "application/pdf")


def test_a_good_pdf_is_kept_even_if_other_fields_fail(client):
    access_request = AccessRequestFactory()
    url = enter(client, access_request)
    response = send(client, url, ethics="approved", legal_name="a\nb", ethics_document=upload())
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert "Uploaded: Votum Köln.pdf" in text(response.content)
    sent = fields(response.content, legal_name="Ada", then="save")
    assert client.post(url, sent).status_code == HTTPStatus.FOUND
    access_request.refresh_from_db()
    assert bytes(access_request.ethics_document.content) == a_pdf()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "is empty"), (b"<html>", "is not a PDF"), (b"%PDF-1.7 no end", "cut off or damaged")],
)
def test_a_bad_upload_is_refused_beside_its_field(client, content, sentence):
    access_request = AccessRequestFactory()
    url = enter(client, access_request)
    response = send(client, url, ethics_document=upload(content=content))
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert sentence in beside(response.content, "ethics_document")[0]
    assert not access_request.ethics_documents.exists()


def test_an_upload_that_is_too_large_is_refused_unread(client, settings, monkeypatch):
    settings.ETHICS_DOCUMENT_MAX_BYTES = 1024
    url = enter(client, AccessRequestFactory())
    response = send(client, url, ethics_document=upload(content=b"%PDF-" + b"x" * 2000))
    assert "at most" in beside(response.content, "ethics_document")[0]


def test_one_upload_too_many_is_told_beside_its_field(client, monkeypatch):
    monkeypatch.setattr(drafts, "DOCUMENTS_PER_REQUEST", 1)
    access_request = AccessRequestFactory()
    EthicsDocumentFactory(access_request=access_request)
    response = send(client, enter(client, access_request), ethics_document=upload())
    assert "uploaded already" in beside(response.content, "ethics_document")[0]


def test_ones_own_approval_is_sent_as_a_download_and_never_opened_here(client):
    access_request = AccessRequestFactory()
    EthicsDocumentFactory(access_request=access_request, content=a_pdf(), name="Votum Köln.pdf")
    enter(client, access_request)
    response = client.get(reverse("request_ethics", args=[access_request.pk]))
    assert response.content == a_pdf()
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Content-Disposition"].startswith("attachment; filename*=utf-8''Votum")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response.headers["Cache-Control"]


def test_no_approval_is_a_sentence(client):
    access_request = AccessRequestFactory()
    enter(client, access_request)
    response = client.get(reverse("request_ethics", args=[access_request.pk]))
    assert response.status_code == HTTPStatus.NOT_FOUND
    assert "No ethics approval" in text(response.content)


# --- where a request stands -----------------------------------------------------------------------


def page_of(client: Client, access_request: AccessRequest, **query: str) -> str:
    client.force_login(access_request.applicant)
    EmailAddress.objects.get_or_create(
        user=access_request.applicant,
        email=access_request.applicant.email,
        defaults={"verified": True},
    )
    response = client.get(detail(access_request), query)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


# state -> what the page says is next, and which of the request's pages it leads to
NEXT = {
    State.DRAFT: (
        "read the agreement and sign it",
        {"request_edit", "request_sign", "request_withdraw"},
    ),
    State.SUBMITTED: ("you need to do nothing", {"request_withdraw", "request_agreement"}),
    State.RETURNED: (
        "correct your answers",
        {"request_edit", "request_withdraw", "request_agreement"},
    ),
    State.APPROVED: ("your grant has ended", {"request_withdraw", "request_agreement"}),
    State.REJECTED: ("this request is closed", {"request_agreement"}),
    State.WITHDRAWN: ("this request is withdrawn", {"request_agreement"}),
}


@pytest.mark.parametrize("state", State)
def test_the_status_page_says_what_is_next_and_offers_what_the_state_allows(client, state):
    access_request = AccessRequestFactory()
    if state != State.DRAFT:
        sign(access_request)
        put(access_request, state)
    page = page_of(client, access_request)
    sentence, offered = NEXT[state]
    assert sentence in text(page.encode()).lower()
    assert access_request.get_state_display() in text(page.encode())
    pages = ("request_edit", "request_sign", "request_withdraw", "request_agreement")
    links = {name for name in pages if f'href="{reverse(name, args=[access_request.pk])}' in page}
    if state == State.RETURNED:
        offered = offered | ({"request_sign"} & links)
    assert links == offered


def test_a_draft_counts_what_is_still_missing(client):
    access_request = AccessRequestFactory(purpose="", institution="")
    page = page_of(client, access_request)
    assert "2 answers are still missing" in text(page.encode())
    assert reverse("request_sign", args=[access_request.pk]) not in page


def test_an_active_grant_shows_its_end_and_offers_a_new_link(client):
    grant = granted()
    link = link_of(grant)
    page = page_of(client, grant.access_request)
    assert f"{grant.ends_at:%-d %B %Y}" in text(page.encode())
    assert f"{link.expires_at:%-d %B %Y}" in text(page.encode())
    assert reverse("link_renew", args=[grant.pk]) in page
    response = client.post(reverse("link_renew", args=[grant.pk]), follow=True)
    assert "new link is on its way" in text(response.content)
    assert grant.links.count() == 2


@pytest.mark.parametrize("synthetic", [True, False])
def test_demo_data_is_called_synthetic_where_it_is_offered(client, synthetic):
    grant = granted()
    grant.dataset.releases.create(
        version="1.0",
        is_synthetic=synthetic,
        file_count=1,
        total_bytes=1,
        manifest_sha256="0" * 64,
    )
    assert ("Synthetic" in page_of(client, grant.access_request)) is synthetic


def test_a_revoked_grant_shows_why_and_offers_no_link(client):
    grant = granted()
    grant.revoked_at, grant.revoked_reason = timezone.now(), "A copy was found online."
    grant.save()
    page = page_of(client, grant.access_request)
    assert "A copy was found online." in text(page.encode())
    assert reverse("link_renew", args=[grant.pk]) not in page


@pytest.mark.parametrize(
    ("verb", "decide"),
    [
        (Verb.APPROVE, decisions.approve),
        (Verb.RETURN, decisions.return_for_changes),
        (Verb.REJECT, decisions.reject),
    ],
)
def test_the_reason_is_shown_and_the_private_note_is_not(client, verb, decide):
    access_request = submitted()
    decide(
        access_request_id=access_request.pk,
        agreement_id=str(access_request.agreements.get().pk),
        by=approver(access_request.dataset),
        reason="For <b>this</b> reason.",
        private_note="Between maintainers.",
    )
    page = page_of(client, access_request)
    assert "For <b>this</b> reason." in text(page.encode())
    assert "Between maintainers." not in page


def test_a_returned_request_shows_the_reason_above_the_form(client):
    access_request = decided(Verb.RETURN, State.RETURNED)
    page = client.get(enter(client, access_request))
    assert "Because." in text(page.content)
    assert "Between us." not in page.content.decode()


def test_the_status_page_costs_the_same_with_one_agreement_and_with_three(
    client, django_assert_num_queries
):
    access_request = submitted()
    for number in (1, 3):
        while access_request.agreements.count() < number:
            sign(access_request)
        page_of(client, access_request)
        with django_assert_num_queries(10):
            client.get(detail(access_request))


# --- the timeline ---------------------------------------------------------------------------------


def record(kind: str, access_request: AccessRequest, **details: object) -> Entry:
    return log.record(kind, by=access_request.applicant, on=access_request, **details)


ABOUT_REQUESTS = {
    "request",
    "agreement",
    "signatory",
    "member",
    "grant",
    "link",
    "access_token",
    "message",
    "document",
    "page",
}


def test_every_kind_that_can_stand_under_a_request_is_told_or_left_out_on_purpose():
    about_requests = {
        kind
        for kind in kinds.KINDS
        if kind.split(":")[1] in ABOUT_REQUESTS or kind.endswith(":downloaded")
    }
    told = {*timeline.TOLD, *timeline.SUMMED}
    assert not told & timeline.NOT_TOLD
    assert told | timeline.NOT_TOLD == about_requests


def test_the_timeline_is_newest_first_and_gathers_saves():
    access_request = AccessRequestFactory()
    record(kinds.REQUEST_STARTED, access_request)
    record(kinds.REQUEST_SAVED, access_request, revision=1)
    record(kinds.REQUEST_SAVED, access_request, revision=2)
    record(kinds.AGREEMENT_SIGNED, access_request, to=State.SUBMITTED)
    record(kinds.REQUEST_STARTED, AccessRequestFactory())
    assert [event.words for event in timeline.timeline(access_request).events] == [
        "You signed the Data Access Agreement and submitted the request",
        "You saved your answers (2 times)",
        "You started the request",
    ]


def test_each_save_of_those_gathered_has_its_receipt(client):
    access_request = AccessRequestFactory()
    saves = [record(kinds.REQUEST_SAVED, access_request, revision=each) for each in range(3)]
    checkpoints.seal()
    page = html.fromstring(page_of(client, access_request))
    offered = page.xpath("//ol[@class='timeline']//a/@href")
    assert offered == [
        reverse("request_receipt", args=[access_request.pk, each.pk]) for each in saves[::-1]
    ]
    for address in offered:
        assert client.get(address).status_code == 200


def test_what_happened_longest_ago_is_on_the_last_page(client, monkeypatch):
    monkeypatch.setattr(timeline, "NEWEST", 2)
    access_request = AccessRequestFactory()
    words = []
    for page in (kinds.REQUEST_STARTED, kinds.LINK_ISSUED, kinds.REQUEST_APPROVED):
        record(page, access_request)
        words.append(timeline.TOLD[page][0])
    record(kinds.FILE_DOWNLOADED, access_request, path="x")
    first, last = (timeline.timeline(access_request, page=each) for each in (1, 2))
    assert [event.words for event in first.events] == [
        "One file was downloaded", *words[:0:-1],
    ]  # fmt: skip
    assert ([event.words for event in last.events], last.older) == (words[:1], False)
    assert words[0] not in page_of(client, access_request)
    assert words[0] in page_of(client, access_request, story="2")
    for wrong in ("0", "-1", "x", "9" * 30):
        assert words[2] in page_of(client, access_request, story=wrong)


def test_ten_thousand_downloads_are_one_line(django_assert_num_queries):
    access_request = AccessRequestFactory()
    Entry.objects.bulk_create(
        Entry(
            kind=kinds.FILE_DOWNLOADED, actor="user:1", subject="x", trail=access_request.audit_ref
        )
        for _ in range(10_000)
    )
    record(kinds.MESSAGE_SENT, access_request, name="request_submitted", recipient="a@b.example")
    with django_assert_num_queries(2):
        events = timeline.timeline(access_request).events
    assert [event.words for event in events] == ["Files were downloaded, 10,000 times"]


def test_only_the_reason_is_read_of_what_is_personal(django_assert_num_queries):
    access_request = AccessRequestFactory()
    record(kinds.REQUEST_REJECTED, access_request, reason="Too vague.", private_note="Hm.")
    with django_assert_num_queries(3):
        (event,) = timeline.timeline(access_request).events
    assert (event.reason, event.tone) == ("Too vague.", "bad")


# --- the agreement's PDF --------------------------------------------------------------------------


def test_the_agreement_is_sent_to_its_applicant_under_its_number(client):
    access_request = submitted()
    enter(client, access_request)
    response = client.get(reverse("request_agreement", args=[access_request.pk]))
    number = access_request.agreements.get().number
    assert response.content == PDF
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{number}.pdf"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert {"private", "no-store"} <= set(response.headers["Cache-Control"].split(", "))


def test_opening_ones_own_documents_is_entered(client):
    access_request = submitted()
    EthicsDocumentFactory(access_request=access_request)
    enter(client, access_request)
    for name in ("request_agreement", "request_ethics"):
        client.head(reverse(name, args=[access_request.pk]))
        assert client.get(reverse(name, args=[access_request.pk])).status_code == 200
    opened = Entry.objects.filter(kind=kinds.DOCUMENT_OPENED).order_by("pk")
    agreement = access_request.agreements.get()
    assert [(each.actor, each.details["document"]) for each in opened] == [
        (access_request.applicant.audit_ref, f"{agreement.number}.pdf"),
        (access_request.applicant.audit_ref, "ethics approval"),
    ]
    assert opened[0].details["sha256"] == agreement.document.sha256


def test_the_latest_agreement_is_sent_unless_another_of_the_request_is_named(client):
    access_request, other = submitted(), submitted()
    first = access_request.agreements.get()
    second = sign(access_request, rendered=False)
    enter(client, access_request)
    url = reverse("request_agreement", args=[access_request.pk])
    assert client.get(url).status_code == HTTPStatus.ACCEPTED
    assert client.get(url, {"number": first.number}).status_code == HTTPStatus.OK
    assert second.number in text(client.get(url).content)
    foreign = client.get(url, {"number": other.agreements.get().number})
    assert foreign.status_code == HTTPStatus.NOT_FOUND


def test_while_the_pdf_is_made_the_page_says_so(client):
    access_request = submitted(rendered=False)
    page = page_of(client, access_request)
    assert "being prepared" in text(page.encode())
    response = client.get(reverse("request_agreement", args=[access_request.pk]))
    assert response.status_code == HTTPStatus.ACCEPTED
    assert response.headers["Retry-After"] == "5"


def test_without_a_signature_there_is_no_agreement(client):
    access_request = AccessRequestFactory()
    enter(client, access_request)
    response = client.get(reverse("request_agreement", args=[access_request.pk]))
    assert response.status_code == HTTPStatus.NOT_FOUND


# --- withdrawing ----------------------------------------------------------------------------------


def test_withdrawing_is_confirmed_first_and_then_done_once(client):
    access_request = submitted()
    enter(client, access_request)
    url = reverse("request_withdraw", args=[access_request.pk])
    page = client.get(url)
    access_request.refresh_from_db()
    assert access_request.state == State.SUBMITTED
    response = client.post(url, fields(page.content, reason="We\r\nmoved on."), follow=True)
    assert "is withdrawn" in text(response.content)
    assert "We moved on." in text(response.content)
    again = client.post(url, fields(page.content), follow=True)
    assert "“Withdrawn” now" in text(again.content)
    assert "nothing left to withdraw" in text(client.get(url, follow=True).content)
    assert Entry.objects.filter(kind=kinds.REQUEST_WITHDRAWN).count() == 1


def test_withdrawing_ends_the_grant(client):
    grant = granted()
    enter(client, grant.access_request)
    url = reverse("request_withdraw", args=[grant.access_request.pk])
    assert "Your grant ends at once" in text(client.get(url).content)
    client.post(url)
    grant.refresh_from_db()
    assert grant.revoked_at is not None


def test_a_reason_that_cannot_be_kept_is_told_beside_it_and_kept_on_the_page(client):
    access_request = submitted()
    enter(client, access_request)
    url = reverse("request_withdraw", args=[access_request.pk])
    response = client.post(url, {"reason": "x" * 5000})
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert beside(response.content, "reason")
    assert fields(response.content)["reason"] == ["x" * 5000]
