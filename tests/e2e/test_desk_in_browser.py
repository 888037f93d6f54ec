"""The auditor's desk in a real browser: to be read at every width, whatever entries name."""

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from playwright.sync_api import Browser

from requests_app.audit import kinds, log
from requests_app.audit.origin import Origin, acting_from
from requests_app.requests.permissions import AUDITORS
from tests.e2e.test_pages_in_browser import faults, listen, sign_in
from tests.factories.identity import ApplicantFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESK = "/admin/requests_app/entry/"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Safari/537.36"
TALLEST = "Math.max(...[...document.querySelectorAll('#result_list tr')].map(r => r.clientHeight))"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_desk_is_readable_whatever_an_entry_is_about(
    browser: Browser, site: str, scheme: str
) -> None:
    auditor = ApplicantFactory(is_staff=True)
    auditor.groups.set(Group.objects.filter(name=AUDITORS))
    certificate = log.Named(f"seal_certificate:{'3a59b31b' * 8}")
    with transaction.atomic(), acting_from(Origin("192.0.2.7", BROWSER)):
        log.record(kinds.SEAL_CERTIFICATE_RECORDED, by=log.SYSTEM, on=certificate, serial="1")
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    sign_in(page, site, auditor.email)
    said, found = listen(page), []
    for path in ("", f"?q={auditor.email}", "?q=seal_certificate", "activity/"):
        page.goto(site + DESK + path)
        found += faults(page, path)
    assert (found, said) == ([], [])
    page.goto(site + DESK)
    for width in (1024, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(TALLEST) < 400
