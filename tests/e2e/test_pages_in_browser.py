"""The pages in a real browser: accessible, within their width, and quiet about our own policy."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core import mail
from playwright.sync_api import Browser, Page

from tests.factories.identity import PASSWORD, ApplicantFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDTHS = (320, 390, 1280)
PUBLIC = (
    "/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/inactive/",
    "/verify/",
    "/verify/GULLS-DAA-2026-000001",
    "/nowhere",
)
OWN = (
    "/requests/",
    "/requests/new/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/reauthenticate/",
    "/accounts/logout/",
)


def faults(page: Page, path: str) -> list[str]:
    """What is wrong with the page as it stands, at every width."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{path} is wider than {width}")
    for violation in Axe().run(page).response["violations"]:
        where = [node["target"] for node in violation["nodes"]]
        found.append(f"{path}: {violation['id']} at {where}")
    return found


def listen(page: Page) -> list[str]:
    """What the browser complains about: our own policy broken, scripts failing."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if "olicy" in line.text else None)
    return said


def sign_in(page: Page, site: str, email: str) -> None:
    page.goto(f"{site}/accounts/login/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_public_pages(browser: Browser, site: str, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    said, found = listen(page), []
    for path in PUBLIC:
        page.goto(site + path)
        found += faults(page, path)
    assert (found, said) == ([], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_an_applicant(browser: Browser, site: str, scheme: str) -> None:
    user = ApplicantFactory()
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    sign_in(page, site, user.email)
    said, found = listen(page), []
    page.goto(f"{site}/requests/new/")
    page.click("main form button")
    own = re.sub(r"edit/.*$", "", page.url.removeprefix(site))
    for path in (*OWN, own, f"{own}edit/", f"{own}edit/?check", f"{own}withdraw/"):
        page.goto(site + path)
        found += faults(page, path)
    assert (found, said) == ([], [])


def test_copy_button_copies_the_citation(browser: Browser, site: str) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(site)
    page.click("[data-copy=citation-bibtex]")
    page.wait_for_selector("[data-copy=citation-bibtex]:text('Copied')")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.text_content("#citation-bibtex")


def test_page_without_scripts_hides_what_needs_them(browser: Browser, site: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(site)
    assert not page.is_visible("[data-copy=citation-bibtex]")
    assert page.is_visible("#citation-bibtex")
    assert page.is_visible("table tfoot")


def test_keyboard_reaches_the_content_first(browser: Browser, site: str) -> None:
    page = browser.new_page()
    page.goto(site)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.locator(".skip").bounding_box()["y"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_sign_up_without_scripts(browser: Browser, site: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{site}/accounts/signup/")
    page.fill("[name=email]", "ada@monash.edu")
    page.fill("[name=password1]", PASSWORD)
    page.fill("[name=password2]", PASSWORD)
    page.click("main button[type=submit]")
    code = re.search(r"^\s*([A-Z0-9]{4}-[A-Z0-9]{4})\s*$", str(mail.outbox[-1].body), re.MULTILINE)
    assert code
    page.fill("[name=code]", code[1])
    page.click("main button[type=submit]")
    assert page.text_content("h1") == "My requests"
