"""A new version of the agreement, and what becomes of old ones, in a real browser."""

from datetime import timedelta
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page

from requests_app.agreements import own_signing
from requests_app.agreements.documents import countersign_document, render_document
from requests_app.agreements.models import Agreement, AgreementDocument, SealCertificate
from requests_app.agreements.seal_revoking import revoke
from requests_app.audit import log
from requests_app.distribution.grants import create_grant
from requests_app.distribution.models import Grant
from requests_app.identity.models import User
from requests_app.requests.states import State
from tests.e2e.test_pages_in_browser import faults, listen, sign_in
from tests.factories.agreements import (
    publish_text,
    ready_request,
    signed_agreement,
    text_source,
)
from tests.factories.identity import PASSWORD
from tests.factories.reconsents import campaign_for, long_standing, signed_anew
from tests.factories.requests import approver
from tests.factories.review import granted, put

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


@pytest.fixture
def grant(transactional_db: None) -> Grant:
    """A grant of somebody who can sign in."""
    cache.clear()
    made = long_standing(granted())
    let_in(made.applicant)
    return made


@pytest.fixture
def sealed(transactional_db: None) -> Grant:
    """One whose agreement has both seals, set before there is a browser, with its event loop."""
    cache.clear()
    agreement = signed_agreement()
    render_document(agreement_id=agreement.pk)
    countersign_document(agreement_id=agreement.pk)
    made = create_grant(agreement=agreement, by=approver(agreement.access_request.dataset))
    put(agreement.access_request, State.APPROVED)
    let_in(made.applicant)
    return made


def let_in(user: User) -> None:
    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )
    user.set_password(PASSWORD)
    user.save()


def arrive(page: Page, site: str, email: str) -> None:
    sign_in(page, site, email)
    page.wait_for_url("**/requests/")


def look(page: Page, site: str, name: str, grant: Grant) -> list[str]:
    page.goto(site + reverse(name, args=[grant.access_request_id]))
    return faults(page, name)


@SCHEMES
def test_what_changed_and_signing_it_with_a_certificate(
    grant: Grant, browser: Browser, live_server: object, tmp_path: Path, scheme: str
) -> None:
    site = str(live_server)
    campaign_for(grant, days=-1)
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    arrive(page, site, grant.applicant.email)
    said = listen(page)
    found = look(page, site, "request_detail", grant)
    found += look(page, site, "request_changes", grant)
    found += look(page, site, "request_sign_anew", grant)
    sign_with_certificate(page, grant)
    page.wait_for_url("**/own-certificate/")
    found += faults(page, "before it is issued")
    own_signing.issue_document(agreement_id=Agreement.objects.get(text__number=2).pk)
    found += look(page, site, "request_own_certificate", grant)
    found += look(page, site, "request_detail", grant)
    found += look(page, site, "signing_stop", grant)
    page.goto(site + reverse("request_own_certificate", args=[grant.access_request_id]))
    with page.expect_download() as download:
        page.click("main .steps a.button")
    issued = Path(download.value.path()).read_bytes()
    (tmp_path / "unsigned.pdf").write_bytes(issued)
    page.set_input_files("[name=signed]", tmp_path / "unsigned.pdf")
    page.click("main form button")
    page.wait_for_selector("#problems")
    found += faults(page, "not signed")
    assert (found, said) == ([], [])


def sign_with_certificate(page: Page, grant: Grant) -> None:
    for box in page.query_selector_all("[name=affirmations]"):
        box.check()
    page.check("[name=consent_electronic]")
    page.fill("[name=typed_name]", grant.access_request.legal_name)
    page.check("[name=way][value=certificate]")
    page.fill("[name=password]", PASSWORD)
    page.click(".signature .actions button")


@SCHEMES
def test_declining(browser: Browser, site: str, scheme: str) -> None:
    access_request = ready_request()
    let_in(access_request.applicant)
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    arrive(page, site, access_request.applicant.email)
    said = listen(page)
    page.goto(site + reverse("request_decline", args=[access_request.pk]))
    found = faults(page, "decline")
    page.click("main form button")
    page.wait_for_selector("#problems")
    found += faults(page, "declined without a reason")
    assert (found, said) == ([], [])


@SCHEMES
def test_old_documents(
    sealed: Grant, browser: Browser, live_server: object, tmp_path: Path, scheme: str
) -> None:
    site = str(live_server)
    content = bytes(AgreementDocument.objects.last().content)  # type: ignore[union-attr]
    (tmp_path / "a.pdf").write_bytes(content)
    signed_anew(sealed, campaign_for(sealed))
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    arrive(page, site, sealed.applicant.email)
    said = listen(page)
    found = verified(page, site, tmp_path / "a.pdf", "Genuine, but superseded")
    row = SealCertificate.objects.get()
    since = timezone.now() - timedelta(days=1)
    revoke(certificate=row.serial, since=since, reason="A laptop was stolen.", by=log.OPERATOR)
    found += verified(page, site, tmp_path / "a.pdf", "Not proven")
    assert (found, said) == ([], [])


def verified(page: Page, site: str, path: Path, answer: str) -> list[str]:
    page.goto(f"{site}/verify/")
    page.set_input_files("#id_pdf", path)
    page.click("main form button")
    assert page.text_content("#verdict") == answer
    return faults(page, answer)


@SCHEMES
def test_the_page_of_a_text_for_its_approver(
    grant: Grant, browser: Browser, live_server: object, scheme: str
) -> None:
    site = str(live_server)
    judge = approver(grant.dataset)
    let_in(judge)
    text = publish_text(grant.dataset, 2, text_source("may draw"))
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    sign_in(page, site, judge.email)
    page.wait_for_url("**/requests/")
    found = []
    for name in ("change", "ask"):
        page.goto(site + reverse(f"admin:requests_app_agreementtext_{name}", args=[text.pk]))
        assert "version 2" in page.inner_text("main, #content")
        found += faults(page, f"text {name}")
    assert found == []
