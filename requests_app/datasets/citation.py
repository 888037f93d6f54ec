"""Citations of a dataset as BibTeX, RIS and CFF files, made from its card."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable

from requests_app.datasets.card import Author, Card

_BIBTEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
}


def bibtex(card: Card) -> str:
    """A BibTeX entry in UTF-8. Its key is the card's slug and year, e.g. ``cmed2025``."""
    fields = (
        ("author", " and ".join(_bibtex_name(a) for a in card.authors)),
        # The inner braces keep styles from lowering the title's capitals.
        ("title", "{" + _bibtex_text(card.citation.title) + "}"),
        ("year", str(card.year)),
        ("publisher", _bibtex_text(card.citation.publisher)),
        ("doi", _bibtex_link(card.citation.doi)),
        ("url", _bibtex_link(card.citation.url)),
    )
    lines = ",\n".join(f"  {name:<9} = {{{value}}}" for name, value in fields)
    return f"@misc{{{card.slug}{card.year},\n{lines}\n}}\n"


def ris(card: Card) -> str:
    """A RIS record. Lines end with CR LF, as the format has it."""
    tags: list[tuple[str, str]] = [("TY", "GEN"), ("TI", card.citation.title)]
    tags += [("AU", str(author)) for author in card.authors]
    tags += [
        ("PY", str(card.year)),
        ("PB", card.citation.publisher),
        ("DO", card.citation.doi),
        ("UR", card.citation.url),
        ("LA", card.language),
    ]
    tags += [("KW", keyword) for keyword in card.keywords]
    return "".join(f"{tag}  - {_one_line(value)}\r\n" for tag, value in tags) + "ER  - \r\n"


def cff(card: Card) -> str:
    """A ``CITATION.cff`` (Citation File Format 1.2.0) that prefers the paper."""
    citation = card.citation
    lines = [
        "cff-version: 1.2.0",
        f"message: {_yaml('If you use ' + card.short_title + ', please cite the paper below.')}",
        "type: dataset",
        f"title: {_yaml(card.title)}",
        *_cff_authors(card.authors),
        f"abstract: {_yaml(card.summary)}",
        "keywords:",
        *(f"  - {_yaml(keyword)}" for keyword in card.keywords),
        "preferred-citation:",
        "  type: generic",
        f"  title: {_yaml(citation.title)}",
        *(f"  {line}" for line in _cff_authors(card.authors)),
        f"  year: {card.year}",
        f"  doi: {_yaml(citation.doi)}",
        f"  url: {_yaml(citation.url)}",
        "  publisher:",
        f"    name: {_yaml(citation.publisher)}",
    ]
    return "\n".join(lines) + "\n"


def plain(card: Card) -> str:
    """The citation as one sentence to read and copy."""
    authors = " & ".join(str(author) for author in card.authors)
    return f"{authors} ({card.year}). {card.citation.title}. {card.citation.url}"


def _cff_authors(authors: Iterable[Author]) -> list[str]:
    lines = ["authors:"]
    for author in authors:
        lines.append(f"  - family-names: {_yaml(author.family)}")
        lines.append(f"    given-names: {_yaml(author.given)}")
    return lines


def _bibtex_text(value: str) -> str:
    return "".join(_BIBTEX_SPECIAL.get(c, c) for c in _one_line(value))


def _bibtex_name(author: Author) -> str:
    return f"{_bibtex_name_part(author.family)}, {_bibtex_name_part(author.given)}"


def _bibtex_name_part(part: str) -> str:
    text = _bibtex_text(part)
    # A comma or the word "and" inside a part would split the name: braces hold it together.
    return f"{{{text}}}" if re.search(r",|\band\b", text, re.IGNORECASE) else text


def _bibtex_link(value: str) -> str:
    """Links are read verbatim, so only what would break the braces is escaped, as in a URL."""
    return value.replace("\\", "%5C").replace("{", "%7B").replace("}", "%7D")


def _yaml(value: str) -> str:
    # A JSON string without control characters is a YAML double-quoted scalar.
    return json.dumps(_one_line(value), ensure_ascii=False)


def _one_line(value: str) -> str:
    joined = " ".join(value.split())
    return "".join(c for c in joined if unicodedata.category(c) not in {"Cc", "Cs"})
