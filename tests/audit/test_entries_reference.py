"""The reference page of entries says what the table of kinds says."""

from pathlib import Path

from requests_app.audit.kinds import KINDS

PAGE = Path(__file__).parents[2] / "docs/reference/entries.md"


def rows() -> list[str]:
    """The table as the page must hold it: the way to write it anew."""
    return [
        f"| `{kind}` | {' '.join(sorted(fields.public)) or '-'} | "
        f"{' '.join(sorted(fields.personal - {'ip', 'user_agent'})) or '-'} |"
        for kind, fields in KINDS.items()
    ]


def test_every_kind_is_on_the_page_with_its_fields_and_no_other():
    table = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert sorted(table) == sorted(rows())
