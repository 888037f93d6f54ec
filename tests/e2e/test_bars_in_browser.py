"""The bars of the page of a link follow what the portal has recorded, and survive a reload."""

import httpx
import pytest
from django.utils import timezone
from playwright.sync_api import Browser

from requests_app.audit import kinds
from tests.e2e.test_pages_in_browser import faults, listen
from tests.factories.distribution import GrantFactory, make_link, make_release
from tests.factories.transfers import make_transfer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _own_store(settings, tmp_path):
    settings.FILES_DIR, settings.PAGE_SIGN_IN = tmp_path / "files", False


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bars_follow_the_portal_and_survive_a_reload(browser: Browser, live_server, scheme) -> None:
    grant = GrantFactory()
    make_release(grant.dataset)
    link, token = make_link(grant)
    about = {"kind": kinds.ARCHIVE_DOWNLOADED, "name": "a.zip", "digest": "a"}
    page = browser.new_page(color_scheme=scheme)
    said = listen(page)
    page.clock.install()
    page.goto(f"{live_server}/d/{token}/")
    held = page.locator("output").filter(has_text="of 4 files")
    assert "0 of 4 files" in held.inner_text()
    assert page.is_visible("text=Nothing runs at the moment")
    assert httpx.get(f"{live_server}/d/{token}/files/clips/001.mp4", trust_env=False).is_success
    running = make_transfer(link, promised=100, bytes_sent=40, **about)
    page.clock.run_for(6000)
    page.wait_for_selector("output:text('1 of 4 files')")
    page.wait_for_selector("output:text('running')")
    assert not page.is_visible("text=Nothing runs at the moment")
    assert page.locator(f"#run-{running.pk} progress").evaluate("bar => bar.value / bar.max") == 0.4
    assert faults(page, "/d/") == []
    type(running).objects.filter(pk=running.pk).update(outcome="broken", settled_at=timezone.now())
    page.clock.run_for(6000)
    page.wait_for_selector("output:text('broken off')")
    before = page.locator(".bar").all_inner_texts()
    page.reload()
    assert page.locator(".bar").all_inner_texts() == before
    assert said == []
