import pytest
from django.urls import reverse

from requests_app.requests.states import State
from tests.factories.agreements import ready_request
from tests.factories.review import put

pytestmark = pytest.mark.django_db


@pytest.fixture
def access_request(client):
    made = ready_request()
    client.force_login(made.applicant)
    return made


def page(access_request):
    return reverse("request_decline", args=[access_request.pk])


def test_the_signing_page_leads_to_declining(client, access_request):
    shown = client.get(reverse("request_sign", args=[access_request.pk]))
    assert f'href="{page(access_request)}"' in shown.content.decode()


def test_the_page_says_how_to_sign_on_paper(client, access_request):
    shown = client.get(page(access_request)).content.decode()
    assert f"mailto:{access_request.dataset.card['contact']['email']}" in shown
    assert "on paper" in shown


def test_declining_closes_the_request_and_the_page_of_the_request_says_so(client, access_request):
    answer = client.post(page(access_request), {"why": "terms", "reason": "Too kind."}, follow=True)
    shown = answer.content.decode()
    assert "You declined the Data Access Agreement" in shown
    assert "Too kind." in shown
    access_request.refresh_from_db()
    assert access_request.state == State.WITHDRAWN


@pytest.mark.parametrize(
    "sent",
    [
        {"reason": "Words."},
        {"why": "bored", "reason": "Words."},
        {"why": "terms", "reason": "Words.\0"},
    ],
)
def test_what_was_typed_survives_a_refusal(client, access_request, sent):
    answer = client.post(page(access_request), sent)
    assert answer.status_code == 400
    assert "Words." in answer.content.decode()
    assert "<title>Error: " in answer.content.decode()
    access_request.refresh_from_db()
    assert access_request.state == State.DRAFT


def test_what_was_signed_cannot_be_declined(client, access_request):
    put(access_request, State.SUBMITTED)
    for answer in (
        client.get(page(access_request)),
        client.post(page(access_request), {"why": "terms"}),
    ):
        assert answer.status_code == 302
    access_request.refresh_from_db()
    assert access_request.state == State.SUBMITTED
