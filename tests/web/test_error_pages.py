"""What a person sees when something is refused, missing or broken."""

from http import HTTPStatus

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.test.utils import override_settings
from django.urls import include, path
from django.views import defaults
from lxml import html

from requests_app.errors import Conflict

pytestmark = pytest.mark.django_db


def forbid(request: HttpRequest) -> None:
    raise PermissionDenied


def fail(request: HttpRequest) -> None:
    raise RuntimeError("a secret of ours")


def conflict(request: HttpRequest) -> None:
    raise Conflict("Somebody <b>was</b> first.")


urlpatterns = [
    path("forbid", forbid),
    path("fail", fail),
    path("conflict", conflict),
    path("", include("cmed_portal.urls")),
]


@pytest.mark.parametrize(
    ("where", "status", "heading"),
    [
        ("/forbid", HTTPStatus.FORBIDDEN, "This page is not for this account"),
        ("/nowhere", HTTPStatus.NOT_FOUND, "There is nothing at this address"),
        ("/fail", HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here"),
    ],
)
@override_settings(ROOT_URLCONF=__name__)
def test_page_has_its_status_and_a_way_on(where: str, status: HTTPStatus, heading: str) -> None:
    response = Client(raise_request_exception=False).get(where)
    assert response.status_code == status
    tree = html.fromstring(response.content.decode())
    assert " ".join(tree.xpath("//h1")[0].text_content().split()) == heading
    assert tree.xpath("//main//a[@href='/']")
    assert "a secret of ours" not in response.content.decode()


@override_settings(ROOT_URLCONF=__name__)
def test_domain_error_is_told_as_its_sentence(client: Client) -> None:
    response = client.get("/conflict")
    assert response.status_code == HTTPStatus.CONFLICT
    assert "Somebody &lt;b&gt;was&lt;/b&gt; first." in response.content.decode()


def test_form_from_elsewhere_is_refused_with_what_to_do() -> None:
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {})
    assert response.status_code == HTTPStatus.FORBIDDEN
    assert "Please send that again" in response.content.decode()


def test_address_of_another_host_is_a_bad_request(client: Client) -> None:
    response = client.get("/", headers={"host": "elsewhere.example"})
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert "We could not read that" in response.content.decode()


@pytest.mark.parametrize("size", [40 * 2**20 + 1, 10**15])
def test_a_body_without_measure_is_refused_before_it_is_read(client: Client, size: int) -> None:
    kind = "multipart/form-data; boundary=x"
    unread = client.generic("POST", "/accounts/login/", b"", kind, CONTENT_LENGTH=str(size))
    assert unread.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert "At most 40 MB" in unread.text
    assert "Content-Security-Policy" in unread.headers


def test_a_form_in_another_encoding_is_a_bad_request() -> None:
    client = Client(enforce_csrf_checks=True)
    client.get("/accounts/login/")
    for kind in ("utf-7", "latin1", "nonsense"):
        content_type = f"application/x-www-form-urlencoded; charset={kind}"
        response = client.generic("POST", "/accounts/login/", b"a=b", content_type)
        assert response.status_code == HTTPStatus.BAD_REQUEST
        assert "We could not read that" in response.text


@pytest.mark.parametrize("rest", ["", "; charset=UTF-8", '; charset="utf-8"'])
def test_a_form_in_utf_8_is_read(client: Client, rest: str) -> None:
    kind = f"application/x-www-form-urlencoded{rest}"
    response = client.generic("POST", "/accounts/login/", b"login=nobody", kind)
    assert response.status_code == HTTPStatus.OK
    assert "nobody" in response.text


@pytest.mark.parametrize(
    "where", ["/?a=%00", "/requests/new/?dataset=x%00", "/accounts/login/?%00"]
)
def test_a_nul_in_a_query_is_a_bad_request(client: Client, where: str) -> None:
    assert client.get(where).status_code == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("where", ["/", "/requests/", "/accounts/login/", "/admin/"])
@pytest.mark.parametrize("name", ["sessionid", "other"])
def test_a_nul_in_a_cookie_is_a_bad_request(client: Client, where: str, name: str) -> None:
    response = client.get(where, headers={"cookie": f'{name}="abcdefgh\\000"'})
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert "We could not read that" in response.text


def test_too_many_attempts_are_told_to_wait(
    client: Client, settings: pytest.FixtureRequest
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}  # type: ignore[attr-defined]
    client.post("/accounts/login/", {})
    response = client.post("/accounts/login/", {})
    assert response.status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert "Please wait a moment" in response.content.decode()


@pytest.mark.django_db(databases=[])
def test_broken_portal_needs_no_database_to_say_so() -> None:
    response = defaults.server_error(RequestFactory().get("/"))
    assert "Something went wrong here" in response.content.decode()
