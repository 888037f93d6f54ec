"""The signing page over HTTP: what is shown is what is signed, once, with the password."""

from http import HTTPStatus

import pytest
from allauth.account.authentication import get_authentication_records
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.urls import reverse
from lxml import html

from requests_app.agreements.models import Agreement
from requests_app.agreements.preview import preview
from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.identity.models import InstitutionDomain
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State
from tests.factories.agreements import publish_text, ready_request, text_source
from tests.factories.identity import InstitutionDomainFactory
from tests.factories.requests import DatasetFactory, NamedPersonFactory
from tests.factories.review import put
from tests.web.form_filling import beside, fields, summary, text

pytestmark = pytest.mark.django_db

PASSWORD = "seven gulls on a pier"  # made up for these tests


@pytest.fixture(autouse=True)
def _fresh_limits():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def access_request(client: Client) -> AccessRequest:
    """A request that may be signed; its applicant is signed in."""
    made = ready_request(legal_name="陈伟")
    made.applicant.set_password(PASSWORD)
    made.applicant.save()
    client.force_login(made.applicant)
    return made


def page(access_request: AccessRequest) -> str:
    return reverse("request_sign", args=[access_request.pk])


def status(access_request: AccessRequest) -> str:
    return reverse("request_detail", args=[access_request.pk])


def signature(client: Client, access_request: AccessRequest, **changes: object):
    """What a willing applicant sends from the page as it is now."""
    whole = {
        "affirmations": [each.key for each in preview(access_request).affirmations],
        "consent_electronic": "on",
        "typed_name": access_request.legal_name,
        "password": PASSWORD,
    }
    return fields(client.get(page(access_request)).content, **(whole | changes))


def sign(client: Client, access_request: AccessRequest, **changes: object):
    sent = signature(client, access_request, **changes)
    return client.post(page(access_request), sent)


def refused(response, access_request: AccessRequest, status: HTTPStatus = HTTPStatus.BAD_REQUEST):
    assert response.status_code == status
    access_request.refresh_from_db()
    assert access_request.state == State.DRAFT
    assert not Agreement.objects.exists()


def test_the_whole_agreement_is_shown_filled_in_and_says_what_a_signature_is(
    client, access_request
):
    NamedPersonFactory(access_request=access_request, name="محمد علي")
    response = client.get(page(access_request))
    shown = text(response.content)
    for words in ("陈伟", "what gulls feel.", "محمد علي", "We will not feed them.", "365 days"):
        assert words in shown
    for each in preview(access_request).affirmations:
        assert each.text in shown
    assert "I agree to sign on this page." in shown
    assert "simple electronic signature" in shown
    assert "not an advanced or qualified electronic signature" in shown
    assert str(preview(access_request).html) in response.content.decode()


def test_nothing_is_ticked_beforehand(client, access_request):
    sent = fields(client.get(page(access_request)).content)
    assert not {"affirmations", "consent_electronic"} & set(sent)


def test_signing_submits_the_request_and_keeps_what_was_shown(client, access_request):
    before = preview(access_request)
    response = sign(client, access_request)
    assert response.url == status(access_request)
    access_request.refresh_from_db()
    assert access_request.state == State.SUBMITTED
    agreement = access_request.agreements.get()
    assert agreement.text_id == before.text_id
    assert agreement.evidence["shown_sha256"] == before.shown_sha256
    assert agreement.evidence["method"] == "password"
    assert {each["key"] for each in agreement.evidence["affirmations"]} == {"read", "kind"}
    assert "Signed and submitted" in text(client.get(response.url).content)


def test_signing_counts_as_signing_in_again(client, access_request):
    sign(client, access_request)
    request = RequestFactory().get("/")
    request.session = client.session
    records = get_authentication_records(request, access_request.applicant)
    assert records[-1]["method"] == "password"
    assert records[-1]["reauthenticated"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"affirmations": []}, "affirmations"),
        ({"affirmations": ["read"]}, "affirmations"),
        ({"affirmations": ["read", "kind", "made_up"]}, "affirmations"),
        ({"consent_electronic": []}, "consent_electronic"),
        ({"typed_name": ""}, "typed_name"),
        ({"typed_name": "Somebody Else"}, "typed_name"),
        ({"typed_name": "陈伟\r\nBcc: x"}, "typed_name"),
        ({"password": ""}, "password"),
        ({"password": "wrong"}, "password"),
    ],
)
def test_a_signature_that_is_not_whole_is_told_beside_its_field_and_kept_but_for_the_password(
    client, access_request, changes, field
):
    sent = signature(client, access_request, **changes)
    response = client.post(page(access_request), sent)
    refused(response, access_request)
    assert beside(response.content, field)
    assert [anchor for _, anchor in summary(response.content)] != [""]
    again = fields(response.content)
    assert PASSWORD not in response.content.decode()
    assert again.get("password", [""]) == [""]
    if field != "typed_name":
        assert again["typed_name"] == ["陈伟"]
    if field != "affirmations":
        assert again["affirmations"] == ["read", "kind"]
    if field != "consent_electronic":
        assert again["consent_electronic"] == ["on"]


def test_everything_that_is_missing_is_told_at_once(client, access_request):
    response = sign(
        client, access_request, affirmations=[], consent_electronic=[], typed_name="", password=""
    )
    refused(response, access_request)
    assert len(summary(response.content)) == 4


def test_another_spelling_of_the_same_name_signs(client, access_request):
    AccessRequest.objects.filter(pk=access_request.pk).update(legal_name="Zoë Larus")
    access_request.refresh_from_db()
    assert sign(client, access_request, typed_name="  zoe\u0308 LARUS ").url


def test_the_password_cannot_be_guessed_here_for_long(client, access_request):
    statuses = []
    for attempt in range(12):
        response = sign(client, access_request, password=f"guess {attempt}")
        statuses.append(response.status_code)
        refused(response, access_request, response.status_code)
    assert statuses[0] == HTTPStatus.BAD_REQUEST
    assert statuses[-1] == HTTPStatus.TOO_MANY_REQUESTS
    response = sign(client, access_request)
    refused(response, access_request, HTTPStatus.TOO_MANY_REQUESTS)
    assert "Too many attempts" in beside(response.content, "password")[0]


def test_attempts_on_the_page_that_asks_for_the_password_count_here_too(client, access_request):
    for _ in range(10):
        client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    response = sign(client, access_request)
    refused(response, access_request, HTTPStatus.TOO_MANY_REQUESTS)


def test_a_forgotten_tick_costs_no_attempt(client, access_request):
    for _ in range(15):
        refused(sign(client, access_request, affirmations=["read"]), access_request)
    assert sign(client, access_request).status_code == HTTPStatus.FOUND


def test_pressing_twice_signs_once_and_tells(client, access_request):
    sent = signature(client, access_request)
    client.post(page(access_request), sent)
    again = client.post(page(access_request), sent, follow=True)
    assert again.redirect_chain[0][0] == status(access_request)
    assert "signed already" in text(again.content)
    assert Agreement.objects.count() == 1
    assert Entry.objects.filter(kind=kinds.AGREEMENT_SIGNED).count() == 1


def test_coming_back_with_the_back_button_is_told(client, access_request):
    assert "no-store" in client.get(page(access_request)).headers["Cache-Control"]
    sign(client, access_request)
    back = client.get(page(access_request), follow=True)
    assert back.redirect_chain[0][0] == status(access_request)
    assert "signed already" in text(back.content)


@pytest.mark.parametrize("state", [State.APPROVED, State.REJECTED, State.WITHDRAWN])
def test_a_request_past_signing_leads_to_its_status(client, access_request, state):
    put(access_request, state)
    shown = client.get(page(access_request), follow=True)
    assert "cannot be signed" in text(shown.content)


def test_an_incomplete_request_leads_back_to_what_is_missing(client, access_request):
    AccessRequest.objects.filter(pk=access_request.pk).update(purpose="")
    edit = reverse("request_edit", args=[access_request.pk])
    for response in (client.get(page(access_request)), client.post(page(access_request))):
        assert response.url == f"{edit}?check"
    refused(client.get(page(access_request)), access_request, HTTPStatus.FOUND)


def test_an_answer_changed_in_another_tab_is_shown_anew_and_nothing_is_signed(
    client, access_request
):
    sent = signature(client, access_request)
    AccessRequest.objects.filter(pk=access_request.pk).update(purpose="Something else.")
    response = client.post(page(access_request), sent)
    refused(response, access_request, HTTPStatus.CONFLICT)
    assert "Nothing was signed" in text(response.content)
    assert "Something else." in text(response.content)
    again = fields(response.content)
    assert "affirmations" not in again
    assert again["typed_name"] == ["陈伟"]


def test_a_new_text_is_shown_before_it_can_be_signed(client, access_request):
    sent = signature(client, access_request)
    publish_text(access_request.dataset, 2, text_source("must not look at"))
    response = client.post(page(access_request), sent)
    refused(response, access_request, HTTPStatus.CONFLICT)
    assert "must not look at" in text(response.content)
    assert sign(client, access_request).url == status(access_request)
    assert access_request.agreements.get().text.number == 2


@pytest.mark.parametrize("damage", [{"text_id": "many"}, {"shown_sha256": ""}, {"text_id": ""}])
def test_a_forged_or_damaged_page_is_shown_anew(client, access_request, damage):
    response = sign(client, access_request, **damage)
    refused(response, access_request, HTTPStatus.CONFLICT)


def test_a_returned_request_is_signed_again(client, access_request):
    sign(client, access_request)
    put(access_request, State.RETURNED)
    assert sign(client, access_request).url == status(access_request)
    access_request.refresh_from_db()
    assert access_request.state == State.SUBMITTED
    assert access_request.agreements.count() == 2


def test_an_address_that_is_no_longer_accepted_is_refused_on_the_page(client, access_request):
    domain = access_request.applicant.email.partition("@")[2]
    InstitutionDomainFactory(domain=domain, standing=InstitutionDomain.Standing.DENY)
    response = sign(client, access_request)
    refused(response, access_request, HTTPStatus.FORBIDDEN)
    assert domain in html.fromstring(response.content.decode()).xpath("string(//*[@role='alert'])")
    assert fields(response.content)["typed_name"] == ["陈伟"]


def test_without_a_text_there_is_a_sentence(client, access_request):
    other = ready_request(applicant=access_request.applicant)
    AccessRequest.objects.filter(pk=other.pk).update(dataset=DatasetFactory())
    response = client.get(page(other))
    assert response.status_code == HTTPStatus.CONFLICT
    assert "has not been published yet" in text(response.content)


HOSTILE = "<script>alert(1)</script><img src=file:///etc/passwd>{{ 7*7 }}[[funding]]"


def test_hostile_answers_are_shown_as_typed_and_do_nothing(client, access_request):
    AccessRequest.objects.filter(pk=access_request.pk).update(
        purpose=HOSTILE, research_title=HOSTILE, legal_name=HOSTILE
    )
    response = client.get(page(access_request))
    assert HOSTILE in text(response.content)
    assert b"<img" not in response.content
    assert b"<script>alert" not in response.content
    access_request.refresh_from_db()
    assert sign(client, access_request).url == status(access_request)


def test_a_purpose_of_twenty_thousand_characters_is_shown_and_signed(client, access_request):
    purpose = "We look at gulls. " * 1111 + "xx"
    AccessRequest.objects.filter(pk=access_request.pk).update(purpose=purpose)
    assert len(purpose) == 20_000
    assert purpose in text(client.get(page(access_request)).content)
    assert sign(client, access_request).url == status(access_request)
    assert access_request.agreements.get().values["purpose"] == purpose


def test_a_drawn_signature_is_kept_and_a_forged_one_told(client, access_request):
    given = signature(client, access_request, drawn='[[[1,2],[3,4]]]"/>')
    response = client.post(page(access_request), given)
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert "typed name is the signature" in response.text
    assert not Agreement.objects.exists()
    client.post(page(access_request), given | {"drawn": "[[[1,2],[3,4]],[[5,6]]]"})
    kept = Agreement.objects.get().evidence["drawn_signature"]
    assert kept == "M1 2 L3 4 M5 6 L5 6"


def test_what_the_text_asks_is_said_in_plain_words_first(client, access_request):
    assert "In plain words" not in client.get(page(access_request)).text
    summary_line = 'summary = ["Be <kind> to gulls (clause 1)."]\n\n[[affirmations]]'
    body = text_source().replace("\n[[affirmations]]", f"\n{summary_line}", 1)
    publish_text(access_request.dataset, number=2, body=body)
    shown = client.get(page(access_request)).text
    assert shown.index("Be &lt;kind&gt; to gulls (clause 1).") < shown.index('class="legal"')
    assert "What binds is the agreement" in shown
