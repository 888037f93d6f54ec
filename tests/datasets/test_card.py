"""The card: what is accepted, and that every fault is named."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import requests_app.datasets
from requests_app.datasets.card import (
    LONGEST_KEY,
    LONGEST_SLUG,
    LONGEST_TITLE,
    Card,
    card_from,
    parse_card,
    read_card,
)
from requests_app.datasets.models import Dataset, File
from requests_app.errors import Invalid
from tests.factories.datasets import card_table, make_card

CARDS = Path(requests_app.datasets.__file__).parent / "cards"


def faults(table: dict[str, Any]) -> list[str]:
    with pytest.raises(Invalid) as caught:
        card_from(table)
    named = caught.value.fields["card"]
    for fault in named:
        assert fault in caught.value.message
    return list(named)


def test_the_cmed_card_tells_the_published_facts() -> None:
    card = read_card(CARDS / "cmed.toml")
    assert {c.key: c.count for c in card.classes} == {
        "anger": 114,
        "disgust": 105,
        "fear": 19,
        "sadness": 42,
        "happiness": 4855,
        "surprise": 351,
        "no-emotion": 5438,
    }
    assert (card.totals.emotion, card.totals.no_emotion, card.totals.all) == (5486, 5438, 10924)
    assert len(card.baselines) == 3
    assert len(card.access_steps) == 3
    assert 6 <= len(card.compliance) <= 8
    assert [str(a) for a in card.authors] == [
        "Matharaarachchi, Nikin",
        "Pasha, Muhammad Fermi",
        "Coleman, Sonya",
        "PengWong, Kah",
    ]
    assert card.citation.doi == "10.48550/arXiv.2503.21690"


def test_nothing_about_the_dataset_stands_in_code() -> None:
    card = read_card(CARDS / "cmed.toml")
    telling = [
        card.title,
        card.citation.doi,
        card.contact.email,
        *(f"{n:,}" for n in (card.totals.all, card.totals.emotion)),
        *(str(n) for n in (card.totals.all, card.totals.emotion)),
        *(a.family for a in card.authors),
    ]
    root = CARDS.parents[2]
    code = [*CARDS.parents[1].rglob("*.py"), *(root / "templates").rglob("*.*")]
    assert len(code) > 200
    for source in code:
        text = source.read_text()
        assert not [fact for fact in telling if fact in text], source


def test_emotions_and_the_rest_are_told_apart() -> None:
    card = make_card()
    assert [c.key for c in card.emotions] == ["hungry", "cross"]
    assert [c.key for c in card.without_emotion] == ["no-mood"]
    assert card.labels == {"hungry", "cross", "no-mood"}


def test_a_card_survives_a_round_through_json() -> None:
    card = make_card()
    assert card_from(json.loads(json.dumps(card.as_data()))) == card


def test_sums_that_differ_are_named_with_both_numbers() -> None:
    table = card_table(totals={"emotion": 6, "no_emotion": 4, "all": 9000})
    assert faults(table) == [
        "“totals.emotion” says 6 but the classes add up to 5.",
        "“totals.all” says 9,000 but the classes add up to 9.",
    ]


@pytest.mark.parametrize("name", list(card_table()))
def test_every_field_is_required(name: str) -> None:
    table = card_table()
    del table[name]
    assert faults(table) == [f"“{name}” is missing."]


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(table: dict[str, Any]) -> None:
        *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
        for step in steps:
            table = table[step]  # type: ignore[index]
        table[last] = value  # type: ignore[index]

    return apply


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("colour", "red", "“colour” is not a field of the card"),
        ("contact.phone", "1", "“contact.phone” is not a field of the card"),
        ("title", 7, "“title” must be text"),
        ("title", "  ", "“title” is empty"),
        ("title", "Gulls\0", "“title” holds the character NUL"),
        ("contact", "Anna", "“contact” must be a table"),
        ("keywords", [], "“keywords” must be a list with at least one item"),
        ("keywords", "gulls", "“keywords” must be a list"),
        ("keywords", ["gulls", 3], "“keywords[2]” must be text"),
        ("classes.0.count", True, "“classes[1].count” must be a whole number"),
        ("classes.0.count", "3", "“classes[1].count” must be a whole number"),
        ("classes.0.is_emotion", 1, "“classes[1].is_emotion” must be true or false"),
        ("classes.0.key", "Hungry!", "“classes.key” is “Hungry!”"),
        ("classes.1.key", "hungry", "more than one entry with the key “hungry”"),
        ("compliance.0.id", "no feeding", "“compliance.id” is “no feeding”"),
        ("slug", "../gulls", "“slug” is “../gulls”"),
        ("daa", "a/b", "“daa” is “a/b”"),
        ("year", 24, "“year” is 24"),
        ("citation.doi", "https://doi.org/10.1/x", "a bare DOI"),
        ("citation.url", "http://doi.org/x", "an https address is expected"),
        ("contact.email", "anna", "an e-mail address is expected"),
        ("language", "English", "a language tag"),
    ],
)
def test_a_wrong_fact_is_named(path: str, value: Any, fault: str) -> None:
    table = card_table()
    change(path, value)(table)
    assert any(fault in named for named in faults(table))


def test_a_class_without_clips_is_refused() -> None:
    table = card_table(totals={"emotion": 2, "no_emotion": 4, "all": 6})
    change("classes.0.count", 0)(table)
    assert faults(table) == ["Class “hungry” counts 0 clips; at least 1 is expected."]


def test_all_faults_are_named_at_once() -> None:
    table = card_table(slug="?", year=1)
    table["contact"]["email"] = "x"
    assert len(faults(table)) == 3


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"slug = ", "is not a TOML file"), (b"title = '\xff'", "is not a TOML file in UTF-8")],
)
def test_a_file_that_is_no_card_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "card.toml"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=sentence):
        read_card(path)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('title = "', f'title = "{"x" * 300}', "“title” has 337 characters; at most 300"),
        ('slug = "cmed"', f'slug = "{"c" * 51}"', "“slug” has 51 characters; at most 50"),
        ('key = "anger"', f'key = "{"a" * 101}"', "“classes.key” has 101 characters; at most 100"),
    ],
)
def test_what_no_column_holds_is_refused(before: str, after: str, fault: str) -> None:
    card = (CARDS / "cmed.toml").read_text()
    with pytest.raises(Invalid, match=fault):
        parse_card(card.replace(before, after, 1).encode())


def test_what_the_columns_hold_is_what_a_card_may_say() -> None:
    longest = {name: Dataset._meta.get_field(name).max_length for name in ("slug", "title")}
    assert longest == {"slug": LONGEST_SLUG, "title": LONGEST_TITLE}
    assert File._meta.get_field("label").max_length == LONGEST_KEY


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.toml"
    with pytest.raises(Invalid, match=re.escape(str(path))):
        read_card(path)


def test_a_card_cannot_be_changed() -> None:
    card: Card = make_card()
    with pytest.raises(AttributeError):
        card.title = "x"  # type: ignore[misc]
