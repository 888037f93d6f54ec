"""Citations read back as the formats' readers would."""

import re
from typing import Any

import pytest
import yaml

from requests_app.datasets import citation
from tests.factories.datasets import card_table, make_card


def read_bibtex(text: str) -> dict[str, str]:
    """Fields of one entry, found by counting braces as BibTeX does."""
    fields, position = {}, text.index("{") + 1
    while found := re.compile(r"\s*,?\s*(\w+)\s*=\s*\{").search(text, position):
        depth, start, position = 1, found.end(), found.end()
        while depth:
            escaped = text[position - 1] == "\\"
            depth += 0 if escaped else (text[position] == "{") - (text[position] == "}")
            position += 1
        fields[found[1]] = text[start : position - 1]
    return fields


def read_ris(text: str) -> list[tuple[str, str]]:
    lines = text.split("\r\n")
    assert lines.pop() == ""
    assert all(line[2:6] == "  - " for line in lines)
    return [(line[:2], line[6:]) for line in lines]


def test_bibtex_reads_back() -> None:
    text = citation.bibtex(make_card())
    assert text.startswith("@misc{gulls2024,\n")
    assert read_bibtex(text) == {
        "author": "Larus, Anna and Sterna, Bo C.",
        "title": "{Gulls: A Study}",
        "year": "2024",
        "publisher": "Pier Press",
        "doi": "10.1234/gulls.1",
        "url": "https://doi.org/10.1234/gulls.1",
    }


def odd_card(**changes: Any) -> Any:
    table = card_table()
    table["citation"] = table["citation"] | changes
    return make_card(**table)


def test_bibtex_escapes_what_tex_would_obey() -> None:
    text = citation.bibtex(odd_card(title=r"50% of {A} & B_1 #2 $3 ~ ^ \input{x}"))
    assert read_bibtex(text)["title"] == (
        r"{50\% of \{A\} \& B\_1 \#2 \$3 \textasciitilde{} \textasciicircum{}"
        r" \textbackslash{}input\{x\}}"
    )


def test_bibtex_keeps_names_whole() -> None:
    authors = [{"family": "Sand and Sons, Ltd", "given": "X"}, {"family": "Ö", "given": "Y"}]
    text = citation.bibtex(make_card(authors=authors))
    assert read_bibtex(text)["author"] == "{Sand and Sons, Ltd}, X and Ö, Y"


def test_bibtex_links_cannot_break_out() -> None:
    text = citation.bibtex(odd_card(doi="10.1234/a{b}c", url="https://x.example/%7B}{"))
    fields = read_bibtex(text)
    assert fields["doi"] == "10.1234/a%7Bb%7Dc"
    assert fields["url"] == "https://x.example/%7B%7D%7B"


def test_ris_reads_back() -> None:
    record = read_ris(citation.ris(make_card()))
    assert record[0] == ("TY", "GEN")
    assert record[-1] == ("ER", "")
    assert [value for tag, value in record if tag == "AU"] == ["Larus, Anna", "Sterna, Bo C."]
    assert dict(record) | {"AU": "", "KW": ""} == {
        "TY": "GEN",
        "TI": "Gulls: A Study",
        "AU": "",
        "PY": "2024",
        "PB": "Pier Press",
        "DO": "10.1234/gulls.1",
        "UR": "https://doi.org/10.1234/gulls.1",
        "LA": "en",
        "KW": "",
        "ER": "",
    }


def test_ris_values_stay_on_their_line() -> None:
    record = read_ris(citation.ris(odd_card(title="Gulls\r\nER  - \nTY  - JOUR\x07 x")))
    assert [tag for tag, _ in record].count("ER") == 1
    assert dict(record)["TI"] == "Gulls ER - TY - JOUR x"


def test_cff_reads_back() -> None:
    data = yaml.safe_load(citation.cff(make_card()))
    assert data["cff-version"] == "1.2.0"
    assert data["type"] == "dataset"
    assert data["title"] == "Gulls: moods of gulls"
    assert data["keywords"] == ["gulls", "moods"]
    paper = data["preferred-citation"]
    assert paper["title"] == "Gulls: A Study"
    assert paper["year"] == 2024
    assert paper["doi"] == "10.1234/gulls.1"
    assert paper["publisher"] == {"name": "Pier Press"}
    assert paper["authors"] == data["authors"]
    assert data["authors"][1] == {"family-names": "Sterna", "given-names": "Bo C."}


@pytest.mark.parametrize("title", ["no", 'a "b": c # d', "- x", "é 陈 \x85 \U0001f99c", "{a: b}"])
def test_cff_text_stays_text(title: str) -> None:
    data = yaml.safe_load(citation.cff(odd_card(title=title)))
    assert data["preferred-citation"]["title"] == " ".join(title.replace("\x85", " ").split())


def test_plain_citation_names_all_authors() -> None:
    assert citation.plain(make_card()) == (
        "Larus, Anna & Sterna, Bo C. (2024). Gulls: A Study. https://doi.org/10.1234/gulls.1"
    )
