"""The request form in a real browser: what its scripts add, and that nothing typed is lost."""

import pytest
from playwright.sync_api import Browser, Page

from requests_app.requests.models import LONGEST_PURPOSE, AccessRequest
from requests_app.requests.states import State
from tests.e2e.test_pages_in_browser import faults, listen, sign_in
from tests.factories.agreements import publish_text
from tests.factories.identity import PASSWORD, ApplicantFactory
from tests.factories.requests import AccessRequestFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def access_request(site: str) -> AccessRequest:
    """A complete draft with words that a page must not take for its own."""
    return AccessRequestFactory(
        applicant=ApplicantFactory(full_name="陈伟"),
        research_title="<script>alert(1)</script>",
        purpose="<img src=file:///etc/passwd> {{ 7*7 }}",
    )


def open_form(page: Page, site: str, access_request: AccessRequest) -> str:
    sign_in(page, site, access_request.applicant.email)
    page.wait_for_url("**/requests/")
    url = f"{site}/requests/{access_request.pk}/edit/"
    page.goto(url)
    return url


def test_what_does_not_apply_is_hidden_and_shown_again(
    browser: Browser, site: str, access_request: AccessRequest
) -> None:
    page = browser.new_page()
    open_form(page, site, access_request)
    assert not page.is_visible("[name=supervisor]")
    page.check("[name=is_student]")
    assert page.is_visible("[name=supervisor]")
    assert not page.is_visible("[name=ethics_document]")
    page.check("[name=ethics][value=approved]")
    assert page.is_visible("[name=ethics_document]")
    assert not page.is_visible("[name=ethics_reason]")


def test_without_scripts_everything_is_there_and_nothing_that_needs_them(
    browser: Browser, site: str, access_request: AccessRequest
) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    open_form(page, site, access_request)
    for name in ("supervisor", "ethics_document", "ethics_reason", "named_people-1-name"):
        assert page.is_visible(f"[name={name}]")
    assert not page.is_visible("[data-add]")
    assert not page.is_visible("[data-remove] >> nth=0")


def test_people_are_added_and_removed(
    browser: Browser, site: str, access_request: AccessRequest
) -> None:
    page = browser.new_page()
    open_form(page, site, access_request)
    for name in ("Ada", "Bo", "Cy"):
        page.click("[data-add]")
        page.keyboard.type(name)
        page.keyboard.press("Tab")
        page.keyboard.type(f"{name}@pier.example")
    page.click("[aria-label='Remove person 2']")
    page.click("button[value=save]")
    page.wait_for_selector(".messages")
    assert [each.name for each in access_request.named_people.all()] == ["Ada", "Cy"]


def test_a_text_that_is_too_long_is_counted_and_never_cut(
    browser: Browser, site: str, access_request: AccessRequest
) -> None:
    page = browser.new_page()
    open_form(page, site, access_request)
    page.fill("[name=purpose]", "𝄞" * (LONGEST_PURPOSE + 50))
    assert page.inner_text(".count--over") == "50 characters too many"
    assert (
        page.evaluate("[...document.forms[0].elements.purpose.value].length")
        == LONGEST_PURPOSE + 50
    )


def test_typed_text_survives_a_session_that_ended(
    browser: Browser, site: str, access_request: AccessRequest
) -> None:
    page = browser.new_context().new_page()
    url = open_form(page, site, access_request)
    page.fill("[name=purpose]", "Typed,\nand not yet saved.")
    page.click("[data-add]")
    page.keyboard.type("Bo")
    page.wait_for_function("sessionStorage.length === 1")
    page.wait_for_timeout(400)
    page.context.clear_cookies()
    page.click("button[value=save]")
    page.wait_for_load_state()
    sign_in(page, site, access_request.applicant.email)
    page.wait_for_url("**/requests/")
    page.goto(url)
    assert "has been put back" in page.inner_text("main")
    assert page.input_value("[name=purpose]") == "Typed,\nand not yet saved."
    assert page.input_value("[data-person] input >> nth=0") == "Bo"
    page.click("button[value=save]")
    page.wait_for_selector(".messages")
    assert "has been put back" not in page.inner_text("main")


def test_signing_by_keyboard_alone_and_coming_back(
    browser: Browser, site: str, access_request: AccessRequest
) -> None:
    publish_text(access_request.dataset)
    page = browser.new_page()
    open_form(page, site, access_request)
    path = f"/requests/{access_request.pk}"
    page.goto(f"{site}{path}/sign/")
    said = listen(page)
    assert faults(page, "sign") == []
    for name in ("affirmations", "affirmations", "consent_electronic"):
        tab_to(page, f"[name={name}]:not(:checked)")
        page.keyboard.press("Space")
    tab_to(page, "[name=typed_name]")
    page.keyboard.type("陈伟")
    tab_to(page, "[name=password]")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{path}/")
    access_request.refresh_from_db()
    assert access_request.state == State.SUBMITTED
    assert faults(page, "status") == []
    page.go_back()
    page.wait_for_url(f"**{path}/")
    assert "signed already" in page.inner_text("main")
    assert said == []


def tab_to(page: Page, selector: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"the keyboard never reaches {selector}")
