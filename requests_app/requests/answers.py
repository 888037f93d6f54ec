"""What an applicant typed, made ready to be kept: formats and lengths, never completeness.

A draft may hold anything that is well-formed, so this is all that saving asks of an answer; whether
enough of them are there to sign is `completeness`' question.
"""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.models import Model
from django_countries import countries

from requests_app.errors import Invalid
from requests_app.identity.addresses import normalise
from requests_app.identity.names import clean_line
from requests_app.requests.models import LONG_TEXT, AccessRequest, NamedPerson

LINES = (
    "legal_name",
    "institution",
    "department",
    "position",
    "supervisor",
    "signatory_name",
    "signatory_position",
    "research_title",
    "ethics_reference",
)
TEXTS = ("purpose", "funding", "ethics_reason", "data_protection_plan")
ANSWERS = (*LINES, *TEXTS, "signatory_email", "is_student", "country", "ethics", "statements")

PEOPLE_LIMIT = 50
LINES_LIMIT = 1000  # in one text: each is laid out by itself when the agreement is made
PERSON_FIELDS = ("name", "email", "role")

# Marks that reorder the characters after them: a text could read differently from its words.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def person_key(index: int, field: str) -> str:
    """Returns the name under which a message about one field of one named person is given."""
    return f"named_people-{index}-{field}"


def limit(name: str) -> int:
    """Returns how many characters the answer `name` may have."""
    return _longest(AccessRequest, name)


def clean(answers: Mapping[str, Any], *, statements: Collection[str]) -> dict[str, Any]:
    """Returns the answers as they are kept: composed (NFC), trimmed, lines and texts checked.

    `answers` maps names of `ANSWERS` to values, absent ones are left out of the result, and
    `statements` are the ids that may be ticked. Raises Invalid with the sentences of every field
    that is wrong.
    """
    kept: dict[str, Any] = {}
    wrong: dict[str, list[str]] = {}
    for name, value in answers.items():
        try:
            kept[name] = _clean_one(name, value, statements)
        except Invalid as error:
            wrong[name] = [error.message]
    if wrong:
        raise Invalid("Some answers cannot be saved as they are.", wrong)
    return kept


def clean_people(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Returns the named people as they are kept, without rows that are blank throughout.

    Raises Invalid; its fields are `person_key` of the position in `rows`, or `named_people`.
    """
    kept: list[dict[str, str]] = []
    wrong: dict[str, list[str]] = {}
    for index, row in enumerate(rows):
        person: dict[str, str] = {}
        for field in PERSON_FIELDS:
            try:
                person[field] = _clean_person_field(field, row.get(field, ""))
            except Invalid as error:
                wrong[person_key(index, field)] = [error.message]
        if any(person.values()):
            kept.append(person)
    if len(kept) > PEOPLE_LIMIT:
        wrong["named_people"] = [
            f"Name at most {PEOPLE_LIMIT} people; write to us if more need it."
        ]
    if wrong:
        raise Invalid("Some of the named people cannot be saved as they are.", wrong)
    return kept


def clean_text(value: str, most: int = LONG_TEXT) -> str:
    """Returns a text of several lines, its line ends LF, composed (NFC) and trimmed.

    Raises Invalid when it is longer than `most` characters or holds characters that no page can
    show or that reorder what is read: control, bidirectional formatting and non-characters.
    """
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\u2028", "\n").replace("\u2029", "\n").replace("\ufeff", "")
    for char in text:
        if _is_refused(char):
            raise Invalid(
                f"Remove the invisible character U+{ord(char):04X}; it is often pasted by accident."
            )
    return _within(unicodedata.normalize("NFC", text).strip(), most)


def is_blank(text: str) -> bool:
    """Whether nothing of the text can be seen: it is empty, or blanks and formatting throughout."""
    return all(unicodedata.category(char)[0] in "CZ" for char in text)


_CHOICES: dict[str, tuple[Collection[str], str]] = {
    "country": (dict(countries), "Choose a country from the list."),
    "ethics": (AccessRequest.Ethics.values, "Choose one of the two answers."),
}


def _clean_one(name: str, value: Any, statements: Collection[str]) -> Any:
    match name:
        case _ if name in LINES:
            return _within(clean_line(value), limit(name))
        case _ if name in TEXTS:
            return _of_few_lines(clean_text(value, limit(name)))
        case "signatory_email":
            return normalise(line) if (line := clean_line(value)) else ""
        case "is_student":
            return bool(value)
        case "country" | "ethics":
            return _one_of(value, *_CHOICES[name])
        case "statements":
            return _ticked(value, statements)
    raise KeyError(name)


def _one_of(value: str, known: Collection[str], sentence: str) -> str:
    if value and value not in known:
        raise Invalid(sentence)
    return str(value)


def _ticked(value: Collection[str], known: Collection[str]) -> list[str]:
    if set(value) - set(known):
        raise Invalid("The statements have changed. Read them again and tick each one.")
    return [each for each in known if each in value]


def _clean_person_field(field: str, value: str) -> str:
    line = clean_line(value)
    if field == "email" and line:
        return normalise(line)
    return _within(line, _longest(NamedPerson, field))


def _longest(model: type[Model], name: str) -> int:
    field = model._meta.get_field(name)  # noqa: SLF001 - Django's public way in
    return int(getattr(field, "max_length", None) or LONG_TEXT)


def _within(text: str, most: int) -> str:
    if len(text) > most:
        raise Invalid(
            f"This may have at most {most:,} characters and has {len(text):,}: "
            f"shorten it by {len(text) - most:,}. Nothing you wrote is lost."
        )
    return text


def _of_few_lines(text: str) -> str:
    if (lines := text.count("\n") + 1) > LINES_LIMIT:
        raise Invalid(
            f"This may have at most {LINES_LIMIT:,} lines and has {lines:,}: take out empty lines, "
            "or write several as one paragraph. Nothing you wrote is lost."
        )
    return text


def _is_refused(char: str) -> bool:
    if char in "\t\n":
        return False
    code = ord(char)
    noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return noncharacter or char in _REORDERING or unicodedata.category(char) in {"Cc", "Cs"}
