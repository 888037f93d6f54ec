"""Filling a text version in: one function for the signing page and for the PDF.

Because both call `fill`, what an applicant is shown is what the document says. The wording is
turned into markup first; then every placeholder is replaced in a single pass by its escaped
answer. An answer is therefore never parsed as Markdown, never read by a template engine, never
scanned for placeholders again, and can hold no element, style sheet or address that is followed.
"""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from requests_app.agreements.answers import (
    PERSON_COLUMNS,
    PLACEHOLDERS,
    Answers,
    Kind,
    people_columns,
)
from requests_app.agreements.wording import Wording

_SPOT: Final = re.compile(r"<p>\[\[([a-z_]+)\]\]</p>|\[\[([a-z_]+)\]\]")
_BLANK: Final = '<span class="answer none">not stated</span>'
# A run of a thousand characters without a space, ended where no accent is parted from its letter;
# signs alone (&&&) have no letter, and a no-break space is no place to break.
_LONG_RUN: Final = re.compile(r"([^ \t\n]{1000,1050}?(?=\w|\s|$)|[^ \t\n]{1050})")
_BLANK_LINES: Final = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


def fill(wording: Wording, answers: Answers) -> str:
    """Returns the agreement as safe HTML, every placeholder replaced by its answer.

    `answers` must come from `answers.clean_answers`. Elements: headings from h2 down, paragraphs
    of the classes `clause` and `subclause` (each with a `number`), block quotes, tables, and the
    answers in elements of the class `answer`. Line breaks and spaces of an answer are kept.
    """

    def replace(spot: re.Match[str]) -> str:
        alone, within = spot.groups()
        if within is not None:
            return _line(answers[within])
        return _block(PLACEHOLDERS[alone][0], alone, answers)

    return _SPOT.sub(replace, wording.html)


def _line(answer: str) -> str:
    if not answer:
        return _BLANK
    return f'<span class="answer" dir="auto">{escape(answer)}</span>'


def _block(kind: Kind, name: str, answers: Answers) -> str:
    answer = answers[name]
    if not answer:
        return f"<p>{_BLANK}</p>"
    if kind is Kind.PEOPLE:
        return _people(answer)
    if kind is Kind.LIST:
        items = "".join(f"<li>{_line(item)}</li>" for item in answer)
        return f'<ul class="answer">{items}</ul>'
    return f'<div class="answer">{_paragraphs(answer)}</div>'


def _paragraphs(answer: str) -> str:
    """An empty line starts a paragraph, a single line break stays a line break."""
    return "".join(
        '<p dir="auto">' + _runs(part).replace("\n", "<br>") + "</p>"
        for part in _BLANK_LINES.split(answer)
    )


def _runs(part: str) -> str:
    """Escapes `part`, giving long runs places to break: to break one costs its length squared."""
    pieces = _LONG_RUN.split(part)
    return "".join(
        f"{escape(piece)}<wbr>" if odd % 2 else escape(piece) for odd, piece in enumerate(pieces)
    )


def _people(rows: Sequence[Mapping[str, str]]) -> str:
    used = people_columns(rows)
    head = "".join(f'<th scope="col">{PERSON_COLUMNS[key]}</th>' for key in used)
    body = "".join(
        "<tr>" + "".join(f"<td>{_line(row[key])}</td>" for key in used) + "</tr>" for row in rows
    )
    return (
        f'<table class="answer people"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )
