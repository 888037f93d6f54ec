"""Signing with one's own certificate over HTTP: the choice, the document, the upload."""

from http import HTTPStatus

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from requests_app.agreements import own_signing
from requests_app.agreements.models import Agreement
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State
from tests.factories.identity import ApplicantFactory
from tests.factories.own_certificates import certificate, sign_pdf
from tests.factories.requests import approver
from tests.web.test_signing import access_request, page, signature, status  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_limits():
    cache.clear()


def own(it: AccessRequest) -> str:
    return reverse("request_own_certificate", args=[it.pk])


def document(it: AccessRequest) -> str:
    return reverse("request_issued", args=[it.pk])


def upload(client: Client, it: AccessRequest, content: bytes):
    return client.post(own(it), {"signed": SimpleUploadedFile("signed.pdf", content)})


@pytest.fixture
def chosen(client: Client, access_request: AccessRequest) -> AccessRequest:  # noqa: F811
    given = signature(client, access_request, way="certificate")
    response = client.post(page(access_request), given)
    assert response.url == own(access_request)
    return access_request


def test_the_whole_way_from_the_choice_to_the_submitted_request(client, chosen):
    assert "made when everybody else has signed" in client.get(own(chosen)).text
    assert client.get(document(chosen)).status_code == HTTPStatus.NOT_FOUND
    own_signing.issue_document(agreement_id=Agreement.objects.get().pk)
    assert "Upload the signed file" in client.get(own(chosen)).text
    assert "Sign with your certificate" in client.get(status(chosen)).text
    issued = client.get(document(chosen))
    assert issued["Content-Type"] == "application/pdf"
    response = upload(client, chosen, sign_pdf(issued.content, certificate()))
    assert response.url == status(chosen)
    chosen.refresh_from_db()
    assert chosen.state == State.SUBMITTED
    assert client.get(own(chosen)).status_code == HTTPStatus.FOUND
    judge = Client()
    judge.force_login(approver(chosen.dataset))
    told = judge.get(reverse("admin:requests_app_accessrequest_page", args=[chosen.pk])).text
    assert "Common Name: Ada Larus" in told
    assert "not checked: no trusted roots are configured" in told


def test_what_is_wrong_with_the_file_stands_beside_the_field(client, chosen):
    own_signing.issue_document(agreement_id=Agreement.objects.get().pk)
    issued = client.get(document(chosen)).content
    for content, sentence in (
        (issued, "without a signature"),
        (b"PK\3\4", "not the document that was issued"),
        (issued + b"%" * (2 << 20), "larger than any signed agreement"),
        (b"", "is empty"),
    ):
        response = upload(client, chosen, content)
        assert response.status_code == HTTPStatus.BAD_REQUEST
        assert sentence in response.text
    response = client.post(own(chosen))
    assert "Choose the signed PDF" in response.text
    chosen.refresh_from_db()
    assert chosen.state == State.DRAFT


def test_uploads_are_limited(client, chosen):
    own_signing.issue_document(agreement_id=Agreement.objects.get().pk)
    told = [upload(client, chosen, b"%PDF-").text for _ in range(11)]
    assert "Too many files" in told[-1]


def test_nobody_else_sees_any_of_it(client, chosen):
    own_signing.issue_document(agreement_id=Agreement.objects.get().pk)
    stranger = Client()
    stranger.force_login(ApplicantFactory())
    for address in (own(chosen), document(chosen)):
        assert stranger.get(address).status_code == HTTPStatus.NOT_FOUND
        assert client.get(address).status_code == HTTPStatus.OK


def test_the_choice_is_here_unless_said_otherwise(client, access_request):  # noqa: F811
    client.post(page(access_request), signature(client, access_request))
    access_request.refresh_from_db()
    assert access_request.state == State.SUBMITTED


def test_whoever_goes_back_to_the_signing_page_is_led_on(client, chosen):
    assert client.get(page(chosen)).url == own(chosen)
