"""Verifying an agreement in a real browser: each answer is accessible and within its width."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from requests_app.agreements.documents import countersign_document, render_document
from tests.e2e.test_pages_in_browser import faults, listen
from tests.factories.agreements import signed_agreement

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def files(transactional_db: None, tmp_path: Path) -> dict[str, Path]:
    """A file for each answer. Made before the browser, whose event loop pyHanko cannot share."""
    agreement = signed_agreement()
    render_document(agreement_id=agreement.pk)
    content = bytes(countersign_document(agreement_id=agreement.pk).content)
    made = {"Genuine": content, "Altered": content[:-30], "Not ours": b"%PDF-1.7"}
    for name, kept in made.items():
        (tmp_path / f"{name}.pdf").write_bytes(kept)
    return {name: tmp_path / f"{name}.pdf" for name in made}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_answer_can_be_read(
    files: dict[str, Path], browser: Browser, site: str, scheme: str
) -> None:
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    said, found = listen(page), []
    for answer, path in files.items():
        page.goto(f"{site}/verify/")
        page.set_input_files("#id_pdf", path)
        page.click("main form button")
        assert page.text_content("#verdict") == answer
        found += faults(page, answer)
    assert (found, said) == ([], [])
