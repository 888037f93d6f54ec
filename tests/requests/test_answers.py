"""What may be typed: formats and lengths, each refusal with a sentence of its own."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.errors import Invalid
from requests_app.requests.answers import (
    LINES,
    LINES_LIMIT,
    PEOPLE_LIMIT,
    TEXTS,
    clean,
    clean_people,
    clean_text,
    limit,
)
from requests_app.requests.models import LONG_TEXT, LONGEST_PURPOSE, AccessRequest

INJECTIONS = [
    "Ada\r\nBcc: everybody@pier.example",
    "Ada\nLarus",
    "Ada\x00",
    "Ada\x1b[31m",
    "Ada \u202etxt.exe",
    "Ada\u2028Larus",
    "Ada\u2066",
]


def refusal(**answers: object) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as caught:
        clean(answers, statements=["a", "b"])
    return caught.value.fields


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("typed", INJECTIONS)
def test_a_line_holds_no_line_break_control_or_reordering_character(name, typed):
    assert list(refusal(**{name: typed})) == [name]


@pytest.mark.parametrize("name", ["陈伟", "محمد علي", "Nguyễn Thị Ánh", "Ọ̀ṣun", "O’Brien-Łuć"])
def test_names_of_any_script_are_kept_as_typed(name):
    kept = clean({"legal_name": name}, statements=[])
    assert kept == {"legal_name": unicodedata.normalize("NFC", name)}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("char", ["\x00", "\x07", "\u202e", "\u2066", "\ufffe"])
def test_a_text_holds_no_control_or_reordering_character(name, char):
    assert f"U+{ord(char):04X}" in refusal(**{name: f"one {char} two"})[name][0]


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_kept_up_to_its_length_and_one_character_more_is_not(name):
    most = LONGEST_PURPOSE if name == "purpose" else LONG_TEXT
    whole = ("æ" * 99 + "\r\n") * (most // 100 - 1) + "æ" * 100
    assert len(clean({name: whole}, statements=[])[name]) == most
    assert f"{most:,}" in refusal(**{name: "x" * (most + 1)})[name][0]


def test_a_text_has_a_thousand_lines_at_most():
    assert clean({"purpose": "a\n" * LINES_LIMIT}, statements=[])["purpose"].endswith("a")
    assert "1,001" in refusal(purpose="a\r\n" * (LINES_LIMIT + 1))["purpose"][0]


def test_a_line_that_is_too_long_is_told_the_limit_of_its_column():
    assert limit("legal_name") == AccessRequest._meta.get_field("legal_name").max_length
    assert "200" in refusal(legal_name="x" * 201)["legal_name"][0]


@pytest.mark.parametrize(
    "typed", ["<script>alert(1)</script>", "{{ 7*7 }}", "{% now 'Y' %}", "&lt;"]
)
def test_markup_is_text_like_any_other(typed):
    kept = clean({"purpose": typed, "research_title": typed}, statements=[])
    assert kept == {"purpose": typed, "research_title": typed}


@given(st.text(max_size=300))
def test_a_cleaned_text_is_stable_and_holds_nothing_refused(typed):
    try:
        kept = clean_text(typed)
    except Invalid:
        return
    assert clean_text(kept) == kept
    assert "\r" not in kept


def test_unknown_choices_are_refused():
    wrong = refusal(country="XX", ethics="perhaps", statements=["a", "z"])
    assert set(wrong) == {"country", "ethics", "statements"}


def test_ticked_statements_are_kept_in_the_order_of_the_card():
    assert clean({"statements": ["b", "a"]}, statements=["a", "b"])["statements"] == ["a", "b"]


def test_everything_that_is_wrong_is_told_at_once():
    assert len(refusal(legal_name="a\nb", purpose="\x00", country="XX")) == 3


def test_named_people_are_kept_without_blank_rows_and_with_one_spelling_of_an_address():
    rows = [
        {"name": " Bo ", "email": "Bo@PIER.example ", "role": ""},
        {"name": "", "email": " ", "role": ""},
        {},
        {"name": "陈伟", "email": "", "role": "Student"},
    ]
    assert clean_people(rows) == [
        {"name": "Bo", "email": "bo@pier.example", "role": ""},
        {"name": "陈伟", "email": "", "role": "Student"},
    ]


def test_a_wrong_named_person_is_told_by_row_and_field():
    with pytest.raises(Invalid) as caught:
        clean_people([{}, {"name": "a\nb", "email": "nobody"}])
    assert set(caught.value.fields) == {"named_people-1-name", "named_people-1-email"}


def test_there_is_an_end_to_the_list_of_people():
    with pytest.raises(Invalid, match="named people"):
        clean_people([{"name": f"P{n}"} for n in range(PEOPLE_LIMIT + 1)])
