"""The dataset card: everything the portal says about one dataset, read from a TOML file."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from requests_app.datasets.shapes import fill
from requests_app.errors import Invalid

LONGEST_SLUG, LONGEST_TITLE, LONGEST_KEY = 50, 300, 100

_KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_URL = re.compile(r"https://\S+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class ClipClass:
    """One label. ``key`` is what ``labels.csv`` holds, ``name`` what people read."""

    key: str
    name: str
    count: int
    is_emotion: bool


@dataclass(frozen=True, slots=True)
class Totals:
    """The stated sums over ``classes``: with emotion, without, and both."""

    emotion: int
    no_emotion: int
    all: int


@dataclass(frozen=True, slots=True)
class Titled:
    """A heading with its paragraph (a baseline family, a step towards access)."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Author:
    """A person as the citation names them."""

    family: str
    given: str

    def __str__(self) -> str:
        return f"{self.family}, {self.given}"


@dataclass(frozen=True, slots=True)
class Citation:
    """The paper to cite. ``doi`` is bare (``10.…``), ``url`` resolves it."""

    title: str
    doi: str
    url: str
    publisher: str


@dataclass(frozen=True, slots=True)
class Contact:
    """Who answers questions about the dataset."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Terms:
    """Under what terms the dataset is handed out: a short name and a paragraph."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Signing:
    """Who must sign besides the applicant: with `authorised_signatory`, one of the institution."""

    authorised_signatory: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """A compliance statement that an applicant ticks; ``id`` is what the portal stores."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """One dataset in full. ``year`` is the citation's; ``daa`` names the text of the agreement."""

    slug: str
    title: str
    short_title: str
    summary: str
    description: tuple[str, ...]
    language: str
    year: int
    keywords: tuple[str, ...]
    clip_format: str
    source: str
    participants: str
    applications: tuple[str, ...]
    daa: str
    totals: Totals
    classes: tuple[ClipClass, ...]
    baselines: tuple[Titled, ...]
    authors: tuple[Author, ...]
    citation: Citation
    contact: Contact
    terms: Terms
    access_steps: tuple[Titled, ...]
    compliance: tuple[Statement, ...]
    signing: Signing = Signing(authorised_signatory=False)

    @property
    def emotions(self) -> tuple[ClipClass, ...]:
        """The classes that are emotions, in the card's order."""
        return tuple(c for c in self.classes if c.is_emotion)

    @property
    def without_emotion(self) -> tuple[ClipClass, ...]:
        """The classes that are not emotions, in the card's order."""
        return tuple(c for c in self.classes if not c.is_emotion)

    @property
    def labels(self) -> frozenset[str]:
        """The keys a clip may carry as its label."""
        return frozenset(c.key for c in self.classes)

    def as_data(self) -> dict[str, Any]:
        """The card as JSON-ready values; ``card_from`` reads it back."""
        return dataclasses.asdict(self)


def read_card(path: Path) -> Card:
    """Read the card at ``path``.

    Raises ``Invalid`` when the file cannot be read, is not TOML, or a fact in it is missing,
    unknown, misspelt or contradicts another; the message then holds a sentence for every fault.
    """
    return parse_card(card_bytes(path), name=f"The card {path}")


def card_bytes(path: Path) -> bytes:
    """The bytes of the card file at ``path``; raises ``Invalid`` when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Invalid(f"The card {path} cannot be read: {error.strerror}.") from error


def parse_card(content: bytes, *, name: str = "The card") -> Card:
    """Build and check a card from the bytes of its file; see ``read_card``."""
    try:
        table = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid(f"{name} is not a TOML file in UTF-8: {error}.") from error
    card = card_from(table, name=name)
    if faults := list(_too_long(card)):
        raise Invalid(f"{name} cannot be used. " + " ".join(faults), fields={"card": faults})
    return card


def card_from(table: Mapping[str, Any], *, name: str = "The card") -> Card:
    """Build and check a card from a table of TOML or JSON values; raises ``Invalid``."""
    faults: list[str] = []
    card = fill(Card, table, faults)
    if card is not None:
        faults.extend(_contradictions(card))
    if card is None or faults:
        raise Invalid(f"{name} cannot be used. " + " ".join(faults), fields={"card": faults})
    return card


def _contradictions(card: Card) -> Iterable[str]:
    yield from _sums(card)
    yield from _misspelt(card)
    yield from _repeated("classes", "key", [c.key for c in card.classes])
    yield from _repeated("compliance", "id", [s.id for s in card.compliance])
    if not 1900 <= card.year <= 2100:
        yield f"“year” is {card.year}; a year between 1900 and 2100 is expected."
    for c in card.classes:
        if c.count < 1:
            yield f"Class “{c.key}” counts {c.count} clips; at least 1 is expected."


def _sums(card: Card) -> Iterable[str]:
    emotion = sum(c.count for c in card.emotions)
    no_emotion = sum(c.count for c in card.without_emotion)
    for key, stated, found in (
        ("emotion", card.totals.emotion, emotion),
        ("no_emotion", card.totals.no_emotion, no_emotion),
        ("all", card.totals.all, emotion + no_emotion),
    ):
        if stated != found:
            yield f"“totals.{key}” says {stated:,} but the classes add up to {found:,}."


def _misspelt(card: Card) -> Iterable[str]:
    key = (_KEY, "small letters, digits and single hyphens")
    checks: list[tuple[str, str, tuple[re.Pattern[str], str]]] = [
        ("slug", card.slug, key),
        ("daa", card.daa, key),
        ("language", card.language, (_LANGUAGE, "a language tag such as “en”")),
        ("citation.doi", card.citation.doi, (_DOI, "a bare DOI such as “10.1234/name”")),
        ("citation.url", card.citation.url, (_URL, "an https address")),
        ("contact.email", card.contact.email, (_EMAIL, "an e-mail address")),
        *(("classes.key", c.key, key) for c in card.classes),
        *(("compliance.id", s.id, key) for s in card.compliance),
    ]
    for field, value, (pattern, wanted) in checks:
        if not pattern.fullmatch(value):
            yield f"“{field}” is “{value}”; {wanted} is expected."


def _too_long(card: Card) -> Iterable[str]:
    """SQLite keeps a text of any length, PostgreSQL refuses one that its column does not hold."""
    for field, value, most in (
        ("slug", card.slug, LONGEST_SLUG),
        ("title", card.title, LONGEST_TITLE),
        *(("classes.key", c.key, LONGEST_KEY) for c in card.classes),
    ):
        if len(value) > most:
            yield f"“{field}” has {len(value)} characters; at most {most} are expected."


def _repeated(field: str, key: str, values: list[str]) -> Iterable[str]:
    for value in sorted({v for v in values if values.count(v) > 1}):
        yield f"“{field}” has more than one entry with the {key} “{value}”."
