"""The reference pages are compared with the code they describe."""

import re
from pathlib import Path

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
