"""The wording of one text version: what its file says, checked and made ready for filling in.

A text file is TOML between two lines of `+++` (title, a `summary` in plain words, consent to sign
electronically, and the affirmations: of the applicant, and, where others are to sign,
`member_affirmations` and `institution_affirmations`), then the agreement in a small subset of
Markdown: headings, paragraphs, strong and emphasised words, block quotes, lists and tables. Links,
images and raw HTML are not part of it.
A paragraph that starts with `4.2` is a clause, one that starts with `(a)` a sub-clause, a heading
that starts with `Schedule ` opens a schedule on a page of its own. Answers are named
`[[like_this]]`; the names are in `answers.PLACEHOLDERS`.
"""

import hashlib
import itertools
import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from requests_app.agreements.answers import PLACEHOLDERS, Kind
from requests_app.errors import Invalid

PLACEHOLDER: Final = re.compile(r"\[\[([a-z_]+)\]\]")
_CLAUSE: Final = re.compile(r"^(\d+\.\d+|\([a-z]\))[ \u00a0]+")
_KEY: Final = re.compile(r"^[a-z_]{1,40}$")
_RULES: Final = ["heading", "blockquote", "list", "emphasis", "table", "escape", "hr"]


@dataclass(frozen=True)
class Affirmation:
    """One statement that the applicant affirms on its own; `key` names it for good."""

    key: str
    text: str


@dataclass(frozen=True)
class Wording:
    """A text version, parsed: `html` is trusted markup that still holds its placeholders."""

    title: str
    electronic_consent: str
    affirmations: tuple[Affirmation, ...]
    html: str
    summary: tuple[str, ...] = ()
    member_affirmations: tuple[Affirmation, ...] = ()
    institution_affirmations: tuple[Affirmation, ...] = ()

    def affirmations_of(self, role: str) -> tuple[Affirmation, ...]:
        """Returns what a signatory of a role affirms; a text may have nothing for a role."""
        return {
            "member": self.member_affirmations,
            "institution": self.institution_affirmations,
        }[role]


def text_sha256(source: str) -> str:
    """Returns the SHA-256 of a text version, over its UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(source.encode()).hexdigest()


@lru_cache(maxsize=16)
def read_wording(source: str) -> Wording:
    """Parses a text version.

    Raises `Invalid` with a sentence when the front matter is incomplete, a placeholder is unknown
    or misspelt, or one that fills a paragraph does not stand in a paragraph of its own.
    """
    front, body = _split(source)
    title, consent = _sentence_of(front, "title"), _sentence_of(front, "electronic_consent")
    affirmations = _affirmations(front, "affirmations")
    if not affirmations:
        raise Invalid("The agreement text has no affirmations.")
    html = _to_html(body)
    _check_placeholders(body, html)
    others = (_affirmations(front, f"{role}_affirmations") for role in ("member", "institution"))
    return Wording(title, consent, affirmations, html, _summary(front), *others)


def _split(source: str) -> tuple[dict[str, object], str]:
    parts = source.split("+++\n", 2)
    if len(parts) != 3 or parts[0].strip():
        raise Invalid("The agreement text must begin with TOML between two lines of +++.")
    try:
        return tomllib.loads(parts[1]), parts[2]
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"The agreement text has front matter that is not TOML: {error}.") from error


def _sentence_of(table: dict[str, object], name: str) -> str:
    value = table.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Invalid(f"The agreement text lacks \N{LEFT DOUBLE QUOTATION MARK}{name}”.")
    return value.strip()


def _summary(front: dict[str, object]) -> tuple[str, ...]:
    listed = front.get("summary", [])
    if not isinstance(listed, list) or not all(isinstance(s, str) and s.strip() for s in listed):
        raise Invalid("The summary of the agreement text must be a list of sentences.")
    return tuple(sentence.strip() for sentence in listed)


def _affirmations(front: dict[str, object], name: str) -> tuple[Affirmation, ...]:
    listed = front.get(name)
    found = tuple(_affirmation(entry) for entry in listed) if isinstance(listed, list) else ()
    if len({affirmation.key for affirmation in found}) != len(found):
        raise Invalid("Two affirmations of the agreement text have the same key.")
    return found


def _affirmation(entry: object) -> Affirmation:
    table = entry if isinstance(entry, dict) else {}
    key = _sentence_of(table, "key")
    if not _KEY.match(key):
        raise Invalid(f"The key “{key}” of an affirmation may hold lower-case letters and _ only.")
    return Affirmation(key, _sentence_of(table, "text"))


def _to_html(body: str) -> str:
    markdown = MarkdownIt("zero", {"html": False}).enable(_RULES)
    tokens = markdown.parse(body)
    for opening, inline in itertools.pairwise(tokens):
        if opening.type == "paragraph_open" and inline.type == "inline":
            _mark_clause(opening, inline)
        elif opening.type == "heading_open" and inline.content.startswith("Schedule "):
            opening.attrSet("class", "schedule")
    html: str = markdown.renderer.render(tokens, markdown.options, {})
    return html


def _mark_clause(paragraph: Token, inline: Token) -> None:
    """Give a numbered paragraph its class, and its number an element to hang in the margin."""
    children = inline.children or []
    match = _CLAUSE.match(inline.content)
    if match is None or not children or not children[0].content.startswith(match.group()):
        return
    paragraph.attrSet("class", "clause" if match[1][0].isdigit() else "subclause")
    children[0].content = children[0].content[match.end() :]
    opening, closing = Token("span_open", "span", 1), Token("span_close", "span", -1)
    opening.attrSet("class", "number")
    number = Token("text", "", 0, content=match[1])
    space = Token("text", "", 0, content=" ")
    inline.children = [opening, number, closing, space, *children]


def _check_placeholders(body: str, html: str) -> None:
    names = PLACEHOLDER.findall(body)
    if len(names) != body.count("[[") or len(names) != body.count("]]"):
        raise Invalid("The agreement text has double brackets that are not a placeholder.")
    for name in names:
        if name not in PLACEHOLDERS:
            raise Invalid(f"The agreement text has an unknown placeholder, [[{name}]].")
        alone = html.count(f"<p>[[{name}]]</p>") == html.count(f"[[{name}]]")
        if PLACEHOLDERS[name][0] is not Kind.LINE and not alone:
            raise Invalid(f"[[{name}]] must stand in a paragraph of its own.")
