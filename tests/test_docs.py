"""The reference pages are compared with the code they describe."""

import re
from pathlib import Path

from django.urls import URLResolver, resolve

from requests_app.web.urls import urlpatterns

ROOT = Path(__file__).parents[1]


def test_every_setting_is_documented_and_every_documented_setting_exists():
    read = {
        f"CMED_{name}"
        for source in (ROOT / "cmed_portal").rglob("*.py")
        for name in re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', source.read_text())
    }
    table = (ROOT / "docs/reference/settings.md").read_text()
    documented = set(re.findall(r"^\| `(CMED_[A-Z_]+)`", table, re.MULTILINE))
    assert documented == read


def test_every_address_below_a_link_is_documented_and_every_documented_address_exists():
    page = (ROOT / "docs/reference/downloads.md").read_text()
    below = "/d/<token>/releases/<version>/"
    rows = re.findall(r"^\| (`/d/.+?)\|(.*)\|$", page, re.MULTILINE)
    addresses = [address for row, _ in rows for address in re.findall(r"`(.+?)`", row)]
    addresses.remove(f"{below}...")
    addresses += [below + name for name in re.findall(r"`(.+?)`", rows[-1][1])]
    examples = {"<token>": "t", "<slug>": "gulls", "<version>": "1.0", "<path>": "clips/1.mp4"}
    documented = {
        resolve(re.sub(r"<\w+>", lambda found: examples[found[0]], address)).url_name
        for address in addresses
    }
    served = {
        name
        for each in urlpatterns
        if str(each.pattern).startswith("d/")
        for name in _names_of(each)
    }
    assert documented == served


def _names_of(pattern):
    if not isinstance(pattern, URLResolver):
        return {pattern.name}
    return set().union(*map(_names_of, pattern.url_patterns))


def test_every_dependency_has_its_reason_in_the_readme():
    table = (ROOT / "README.md").read_text().partition("## What it stands on")[2]
    wanted = re.findall(r"^([A-Za-z][\w-]*)", (ROOT / "requirements.in").read_text(), re.MULTILINE)
    reasons = table.partition("For development")[0].lower()
    assert wanted
    assert [name for name in wanted if name.lower() not in reasons] == []


def test_every_page_that_a_page_names_is_there():
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
