"""The signing page in a real browser: with the keyboard alone, and with a drawn signature."""

import re

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, Page

from requests_app.agreements import documents
from requests_app.agreements.models import Agreement
from requests_app.requests.models import AccessRequest
from tests.e2e.test_pages_in_browser import faults, listen, sign_in
from tests.factories.agreements import publish_text
from tests.factories.identity import PASSWORD, ApplicantFactory
from tests.factories.requests import AccessRequestFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def access_request(site: str, monkeypatch: pytest.MonkeyPatch) -> AccessRequest:
    """A request that may be signed. Sealing runs an event loop, which Playwright has already."""
    cache.clear()
    monkeypatch.setattr(documents, "render_document", lambda **ids: None)
    made = AccessRequestFactory(applicant=ApplicantFactory(full_name="陈伟"))
    publish_text(made.dataset)
    return made


def open_page(page: Page, site: str, access_request: AccessRequest) -> None:
    sign_in(page, site, access_request.applicant.email)
    page.wait_for_url("**/requests/")
    page.goto(f"{site}/requests/{access_request.pk}/sign/")


def fill_in(page: Page) -> None:
    for box in page.query_selector_all("[name=affirmations]"):
        box.check()
    page.check("[name=consent_electronic]")
    page.fill("[name=typed_name]", "陈伟")
    page.fill("[name=password]", PASSWORD)


def test_the_keyboard_alone_is_enough(
    browser: Browser, site: str, access_request: AccessRequest
) -> None:
    page = browser.new_page()
    open_page(page, site, access_request)
    for typed in {"[name=typed_name]": "陈伟", "[name=password]": PASSWORD}.items():
        page.focus(typed[0])
        page.keyboard.type(typed[1])
    page.focus("[name=affirmations] >> nth=0")
    reached = []
    for _ in range(30):
        name = page.evaluate("document.activeElement.name || document.activeElement.type || ''")
        reached.append(name)
        if name in {"affirmations", "consent_electronic"}:
            page.keyboard.press("Space")
        if page.evaluate("document.activeElement.innerText || ''") == "Sign and submit":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/requests/{access_request.pk}/")
    assert reached.count("affirmations") == 2
    assert Agreement.objects.get().evidence["drawn_signature"] == ""


def test_a_signature_is_drawn_cleared_and_kept(
    browser: Browser, site: str, access_request: AccessRequest
) -> None:
    page = browser.new_page()
    heard = listen(page)
    open_page(page, site, access_request)
    pad = page.locator(".drawn__pad")
    pad.scroll_into_view_if_needed()

    def draw() -> None:
        box = pad.bounding_box()
        page.mouse.move(box["x"] + 20, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + 120, box["y"] + 60, steps=5)
        page.mouse.up()

    draw()
    assert page.locator(".drawn__pad path").get_attribute("d").startswith("M")
    page.click("text=Clear the drawing")
    assert page.input_value("[name=drawn]") == ""
    pad.scroll_into_view_if_needed()
    draw()
    assert faults(page, page.url) == []
    fill_in(page)
    page.click("text=Sign and submit")
    page.wait_for_url(f"**/requests/{access_request.pk}/")
    kept = Agreement.objects.get().evidence["drawn_signature"]
    assert re.fullmatch(r"M\d+ \d+( L\d+ \d+)+", kept)
    assert heard == []


def test_without_scripts_there_is_no_pad_and_signing_works(
    browser: Browser, site: str, access_request: AccessRequest
) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    open_page(page, site, access_request)
    assert not page.is_visible(".drawn__pad")
    fill_in(page)
    page.click("text=Sign and submit")
    page.wait_for_url(f"**/requests/{access_request.pk}/")
    assert Agreement.objects.exists()
