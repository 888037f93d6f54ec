"""The pages of an account, as a browser without scripts walks through them."""

import re
from http import HTTPStatus

import pytest
from django.core import mail
from django.test import Client
from lxml import html

from tests.factories.identity import PASSWORD, ApplicantFactory

pytestmark = pytest.mark.django_db

MENU = "//nav[@aria-label='Main']//a"
NEW_PASSWORD = "lantern velvet 42 harbour"


def read(response: object) -> html.HtmlElement:
    return html.fromstring(response.content.decode())  # type: ignore[attr-defined]


def heading(response: object) -> str:
    (h1,) = read(response).xpath("//h1")
    return " ".join(h1.text_content().split())


def code_sent() -> str:
    body = str(mail.outbox[-1].body)
    found = re.search(r"^\s*([A-Z0-9]{4}-[A-Z0-9]{4})\s*$", body, re.MULTILINE)
    assert found, body
    return found[1]


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/accounts/login/", "Sign in"),
        ("/accounts/signup/", "Sign up"),
        ("/accounts/password/reset/", "Reset your password"),
        ("/accounts/password/reset/done/", "Welcome back"),
        ("/accounts/inactive/", "This account is closed"),
    ],
)
def test_anybody_can_open(client: Client, path: str, title: str) -> None:
    response = client.get(path)
    assert response.status_code == HTTPStatus.OK
    assert heading(response) == title


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/accounts/email/", "Your e-mail address"),
        ("/accounts/password/change/", "Change your password"),
        ("/accounts/reauthenticate/", "Is it you?"),
        ("/accounts/logout/", "Sign out"),
    ],
)
def test_applicant_can_open(client: Client, path: str, title: str) -> None:
    client.force_login(ApplicantFactory())
    assert heading(client.get(path)) == title


@pytest.mark.parametrize("path", ["/", "/accounts/email/", "/accounts/password/change/"])
def test_nobody_keeps_a_copy_of_the_page_of_somebody_signed_in(client: Client, path: str) -> None:
    client.force_login(ApplicantFactory())
    assert client.get(path).headers["Cache-Control"] == "private, no-store"
    assert "Cache-Control" not in Client().get("/").headers


def test_sign_up_asks_for_a_code_and_the_code_signs_in(
    client: Client, django_capture_on_commit_callbacks: pytest.FixtureRequest
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        response = client.post(
            "/accounts/signup/",
            {"email": "ada@monash.edu", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
            follow=True,
        )
    assert heading(response) == "Check your mail"
    assert "ada@monash.edu" in read(response).text_content()
    response = client.post("/accounts/confirm-email/", {"code": code_sent()})
    assert response.status_code == HTTPStatus.FOUND
    assert "_auth_user_id" in client.session


def test_reset_by_code_lets_choose_a_new_password(
    client: Client, django_capture_on_commit_callbacks: pytest.FixtureRequest
) -> None:
    user = ApplicantFactory()
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        response = client.post("/accounts/password/reset/", {"email": user.email}, follow=True)
    assert heading(response) == "Check your mail"
    response = client.post("/accounts/password/reset/confirm/", {"code": code_sent()}, follow=True)
    assert heading(response) == "Choose a new password"
    response = client.post(
        "/accounts/password/reset/complete/",
        {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
        follow=True,
    )
    assert heading(response) == "Welcome back"
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)


def test_address_without_account_sees_the_same_page(client: Client) -> None:
    known = client.post(
        "/accounts/password/reset/", {"email": ApplicantFactory().email}, follow=True
    )
    unknown = Client().post(
        "/accounts/password/reset/", {"email": "nobody@monash.edu"}, follow=True
    )
    assert heading(known) == heading(unknown)
    assert known.redirect_chain == unknown.redirect_chain


def test_error_stands_beside_its_field_and_in_the_title(client: Client) -> None:
    tree = read(
        client.post(
            "/accounts/signup/",
            {"email": "ada@monash.edu", "password1": NEW_PASSWORD, "password2": "different"},
        )
    )
    (field,) = tree.xpath("//input[@name='password2']")
    assert field.get("aria-invalid") == "true"
    (error,) = tree.xpath(f"//ul[@id='{field.get('aria-describedby').split()[-1]}']")
    assert error.text_content().strip()
    assert tree.xpath("//input[@name='email']/@value") == ["ada@monash.edu"]
    assert tree.findtext("head/title").strip().startswith("Error:")


def test_wrong_password_is_announced(client: Client) -> None:
    user = ApplicantFactory()
    tree = read(client.post("/accounts/login/", {"login": user.email, "password": "wrong"}))
    (alert,) = tree.xpath("//main//*[@role='alert']")
    assert "Check both and try again" in alert.text_content()


def test_signing_in_returns_to_where_the_visitor_was_going(client: Client) -> None:
    user = ApplicantFactory()
    tree = read(client.get("/accounts/login/", {"next": "/requests/new/"}))
    form = next(f for f in tree.forms if "password" in f.fields)
    response = client.post(
        form.action,
        {"login": user.email, "password": PASSWORD, "next": form.fields["next"]},
    )
    assert response["Location"] == "/requests/new/"
    assert "next=%2Frequests%2Fnew%2F" in tree.xpath("//main//a[.='Sign up']/@href")[0]


def test_menu_offers_what_the_visitor_may_do(client: Client) -> None:
    def menu() -> list[str]:
        return [a.text_content() for a in read(client.get("/accounts/inactive/")).xpath(MENU)]

    assert menu() == ["Dataset", "Request access", "Sign in"]
    client.force_login(ApplicantFactory())
    assert menu() == ["Dataset", "My requests", "Account", "Sign out"]
    client.force_login(ApplicantFactory(is_staff=True))
    assert menu() == ["Dataset", "My requests", "Review", "Account", "Sign out"]
