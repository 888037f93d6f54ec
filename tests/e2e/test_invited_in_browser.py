"""An invited person's pages in a real browser: the keyboard alone, no scripts, every width."""

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, Page

from requests_app.agreements import documents
from requests_app.agreements.models import Agreement
from requests_app.agreements.outstanding import Outcome, outcome
from requests_app.agreements.signatories import Signatory
from tests.e2e.test_pages_in_browser import faults, listen, sign_in
from tests.e2e.test_request_in_browser import tab_to
from tests.factories.identity import PASSWORD
from tests.factories.invited import code_of, inviting, named, token_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NAMES = ("محمد علي", "<script>alert(1)</script>", "N" * 200)


@pytest.fixture
def agreement(site: str, monkeypatch: pytest.MonkeyPatch) -> Agreement:
    """Others have yet to sign it. Sealing runs an event loop, which Playwright has already."""
    cache.clear()
    monkeypatch.setattr(documents, "render_document", lambda **ids: None)
    return inviting(*NAMES, signatory=True)


def address(site: str, signatory: Signatory) -> str:
    return f"{site}/sign/{token_of(signatory)}/"


@pytest.mark.parametrize("scripts", [True, False])
def test_signing_by_keyboard_alone_and_coming_back(
    browser: Browser, site: str, agreement: Agreement, scripts: bool
) -> None:
    signatory = named(agreement, NAMES[0])
    page = browser.new_context(java_script_enabled=scripts).new_page()
    said = listen(page)
    page.goto(address(site, signatory))
    tab_to(page, "button[value=code]")
    page.keyboard.press("Enter")
    page.wait_for_selector("[name=code]")
    fill_in(page, signatory)
    tab_to(page, "[name=code]")
    page.keyboard.type(code_of(signatory))
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:text('You have signed')")
    assert outcome(Signatory.objects.get(pk=signatory.pk)) is Outcome.SIGNED
    page.go_back()
    assert "You have signed" in page.inner_text("main")
    assert said == []


def fill_in(page: Page, signatory: Signatory) -> None:
    for name in ("affirmations", "affirmations", "consent_electronic"):
        tab_to(page, f"[name={name}]:not(:checked)")
        page.keyboard.press("Space")
    tab_to(page, "[name=typed_name]")
    page.keyboard.type(signatory.name)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_within_its_width(
    browser: Browser, site: str, agreement: Agreement, scheme: str
) -> None:
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    said, found = listen(page), []
    for signatory in agreement.signatories.all():
        page.goto(address(site, signatory))
        found += faults(page, f"sign as {signatory.role}")
    page.click("button[value=code]")
    page.wait_for_selector("[name=code]")
    found += faults(page, "a code was sent")
    page.click("button[value=sign]")
    page.wait_for_selector("#problems")
    found += faults(page, "nothing filled in")
    page.goto(f"{address(site, signatory)}refuse/")
    found += faults(page, "refuse")
    page.fill("[name=reason]", "No.")
    page.fill("[name=code]", code_of(signatory))
    page.click("main form button[value=refuse]")
    page.wait_for_selector("h1:text('You did not accept')")
    found += faults(page, "refused")
    found += of_applicant(page, site, agreement)
    assert (found, said) == ([], [])


def of_applicant(page: Page, site: str, agreement: Agreement) -> list[str]:
    agreement.signer.set_password(PASSWORD)
    agreement.signer.save()
    sign_in(page, site, agreement.signer.email)
    page.wait_for_url("**/requests/")
    own = f"/requests/{agreement.access_request_id}/"
    waiting = named(agreement, NAMES[2])
    found = []
    for path in ("", "stop/", f"signers/{waiting.pk}/remove/"):
        page.goto(f"{site}{own}{path}")
        found += faults(page, f"{own}{path}")
    return found
