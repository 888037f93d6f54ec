"""What a template must not hold, or must: the content security policy refuses what is inline."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHEETS = sorted((ROOT / "requests_app/web/static").rglob("*.css"))
# E-mails and the agreement's document are not pages: no policy of ours applies to them.
PAGES = [
    path
    for path in sorted((ROOT / "templates").rglob("*.html"))
    if path.relative_to(ROOT).parts[1] not in {"emails", "agreements"}
]
INLINE = {
    "a style attribute": r"<[^>]+\sstyle=",
    "a style element": r"<style\b",
    "an event handler": r"<[^>]+\son[a-z]+=",
    "a script without a source": r"<script(?![^>]*\b(?:src=|type=\"application/))",
    "an address of elsewhere": r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"(?:https?:)?//",
}


def test_there_is_something_to_look_at() -> None:
    assert PAGES
    assert SHEETS


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_page_holds_nothing_inline(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = [what for what, pattern in INLINE.items() if re.search(pattern, text)]
    assert not found


def test_a_page_that_lists_problems_says_so_in_its_title() -> None:
    """It is what a screen reader says first of a page that came back."""
    listing = [path for path in PAGES if "web/requests/problems.html" in path.read_text()]
    assert listing
    prefix = "{% block title %}{% if problems %}Error: {% endif %}"
    assert [path.name for path in listing if prefix not in path.read_text()] == []


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_stylesheet_fetches_nothing(sheet: Path) -> None:
    assert not re.search(r"@import|url\(", sheet.read_text(encoding="utf-8"))


def test_patterns_see_what_they_are_for() -> None:
    bad = """<p style="x"> <style> <a onclick="x"> <script>x</script> <img src="//elsewhere/x">"""
    assert [what for what, pattern in INLINE.items() if not re.search(pattern, bad)] == []
    good = """<script src="x"></script> <script type="application/ld+json"> <a class="on">"""
    assert [what for what, pattern in INLINE.items() if re.search(pattern, good)] == []
