"""The placeholders an agreement text may hold, and the answers that fill them in.

The set is fixed and literal: a text version that names another placeholder is refused when it is
loaded (`wording`), and a set of answers that lacks one is refused before it is shown or signed.
Answers are plain JSON values, so one and the same object is shown, digested, stored and rendered.
"""

import hashlib
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final

from requests_app.audit.canonical import canonical
from requests_app.errors import Invalid
from requests_app.identity.names import clean_line
from requests_app.requests.answers import LINES_LIMIT, clean_text

Answers = dict[str, Any]
"""JSON values by placeholder: str for LINE and TEXT, list[str] for LIST, list[dict] for PEOPLE."""


class Kind(Enum):
    """How an answer may stand in the text."""

    LINE = "one line, anywhere in a sentence or a table"
    TEXT = "several lines, as a paragraph of its own"
    LIST = "a list of sentences, as a paragraph of its own"
    PEOPLE = "a table of people, as a paragraph of its own"


PLACEHOLDERS: Final[Mapping[str, tuple[Kind, str]]] = {
    "applicant_name": (Kind.LINE, "full name of the applicant"),
    "email": (Kind.LINE, "verified e-mail address of the applicant"),
    "institution": (Kind.LINE, "institution"),
    "department": (Kind.LINE, "department"),
    "position": (Kind.LINE, "position"),
    "supervisor": (Kind.LINE, "supervisor"),
    "country": (Kind.LINE, "country of the institution"),
    "research_title": (Kind.LINE, "title of the research"),
    "purpose": (Kind.TEXT, "purpose of the research"),
    "funding": (Kind.TEXT, "funding or commercial interest"),
    "ethics": (Kind.TEXT, "ethics approval, or why none is needed"),
    "data_protection": (Kind.TEXT, "data protection plan"),
    "named_people": (Kind.PEOPLE, "people who will use the data"),
    "compliance": (Kind.LIST, "statements of compliance"),
    "dataset_title": (Kind.LINE, "title of the dataset"),
    "dataset_contact": (Kind.LINE, "contact address of the dataset"),
    "releases": (Kind.LINE, "releases published when the agreement is signed"),
    "citation": (Kind.TEXT, "how to cite the dataset"),
    "term_days": (Kind.LINE, "days of access from approval"),
}
"""Name of each placeholder: where it may stand, and what it means to a person."""

PERSON_COLUMNS: Final[Mapping[str, str]] = {"name": "Name", "role": "Role", "email": "E-mail"}
"""Keys of one named person, and the headings they get; an empty column is left out."""

# Answers are limited where they are saved; only a composed one may be a little longer.
_MOST: Final = 100_000
# Each line is laid out on its own: tens of thousands of empty ones would keep a worker for minutes.
_MOST_LINES: Final = LINES_LIMIT + 10


def clean_answers(raw: Mapping[str, Any]) -> Answers:
    """Returns the answers to every placeholder, cleaned as the request cleans what it keeps.

    An answer may be empty, never absent (`KeyError` for a missing or unknown one). Raises
    `Invalid`, with a sentence for each answer that cannot be shown as it is.
    """
    if mismatch := raw.keys() ^ PLACEHOLDERS.keys():
        raise KeyError(f"answers and placeholders differ in {', '.join(sorted(mismatch))}")
    cleaned: Answers = {}
    wrong: dict[str, list[str]] = {}
    for name, (kind, _) in PLACEHOLDERS.items():
        try:
            cleaned[name] = _clean(kind, raw[name])
        except Invalid as error:
            wrong[name] = [error.message]
    if wrong:
        said = "; ".join(f"{PLACEHOLDERS[name][1]}: {wrong[name][0]}" for name in wrong)
        raise Invalid(f"Some answers cannot be put into the agreement as they are. {said}", wrong)
    return cleaned


def _clean(kind: Kind, value: Any) -> Any:
    match kind:
        case Kind.LINE:
            return clean_line(value)
        case Kind.TEXT:
            return _clean_text(value)
        case Kind.LIST:
            return [clean_line(item) for item in value]
        case Kind.PEOPLE:
            return [{key: clean_line(row.get(key, "")) for key in PERSON_COLUMNS} for row in value]


def _clean_text(value: str) -> str:
    text = clean_text(value, _MOST)
    lines = text.count("\n") + 1
    if lines > _MOST_LINES:
        raise Invalid(
            f"This has {lines:,} lines, and the agreement has room for {_MOST_LINES:,}: please "
            "take out empty lines, or write several lines as one paragraph."
        )
    return text


def digest(value: Any) -> str:
    """Returns the SHA-256 of the canonical form (RFC 8785) of a JSON value, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def shown_digest(*, text_sha256: str, answers: Answers) -> str:
    """Returns the digest that ties a text version to the answers it was shown with.

    The signing page carries it; signing refuses when it is no longer what would be signed.
    """
    return digest({"answers": answers, "text_sha256": text_sha256})


def people_columns(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Returns the keys of `PERSON_COLUMNS` that at least one row fills in."""
    return [key for key in PERSON_COLUMNS if any(row.get(key) for row in rows)]
