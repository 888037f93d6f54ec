import re
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.agreements.filling import fill
from requests_app.agreements.wording import read_wording
from tests.factories.agreements import TEXT, some_answers

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=file:///etc/passwd>",
    "{{ 7*7 }} {% include 'x' %}",
    "[[purpose]] [[applicant_name]]",
    "*stars* _lines_ `ticks` # heading",
    "@import url(https://x.example/); </style><style>*{display:none}</style>",
    "&lt;b&gt; &amp;",
    "\\1 \\g<0> $& %s {0}",
    "</p></div></body></html>",
]


class Reading(HTMLParser):
    """Reads a page as a person does: its words, and the elements it is made of."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words = ""
        self.elements: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.append(tag)
        if tag == "br":
            self.words += "\n"

    def handle_data(self, data: str) -> None:
        self.words += data


def filled(**answers: object) -> Reading:
    return Reading(fill(read_wording(TEXT), some_answers(**answers)))


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", ["applicant_name", "purpose"])
def test_an_answer_is_shown_as_typed_and_adds_no_element(name, value):
    page = filled(**{name: value})
    assert value in page.words
    assert page.elements == filled(**{name: "plain"}).elements


@given(
    value=st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Cn", "Co", "Z"]), min_size=1)
)
def test_any_line_is_shown_as_it_was_cleaned(value):
    answers = some_answers(research_title=value)
    page = Reading(fill(read_wording(TEXT), answers))
    assert answers["research_title"] in page.words
    assert page.elements == filled(research_title="plain").elements


def test_people_and_statements_are_escaped_too():
    person = {"name": "<b>Bo</b>", "role": "[[purpose]]", "email": "bo@pier.example"}
    page = filled(named_people=[person], compliance=["<i>Yes</i>", "{{ no }}"])
    assert not {"b", "i"} & set(page.elements)
    for words in ("<b>Bo</b>", "[[purpose]]", "bo@pier.example", "<i>Yes</i>", "{{ no }}"):
        assert words in page.words


def test_a_column_that_nobody_fills_is_left_out():
    person = {"name": "Bo", "role": "", "email": "bo@pier.example"}
    words = filled(named_people=[person]).words
    assert "E-mail" in words
    assert "Role" not in words


def test_lines_and_paragraphs_of_an_answer_are_kept():
    html = fill(read_wording(TEXT), some_answers(purpose="one\r\ntwo\n\n \n\nthree"))
    assert '<p dir="auto">one<br>two</p><p dir="auto">three</p>' in html


def test_an_answer_that_is_empty_says_so():
    page = filled(named_people=[], compliance=[], purpose="", research_title="")
    assert page.words.count("not stated") == 4


@pytest.mark.parametrize("letter", ["W", "<", "文", "é", "e\u0301", "न\u0940"])
def test_a_word_without_end_is_shown_whole(letter):
    value = letter * 20_000
    answers = some_answers(purpose=value[:20_000])
    page = Reading(fill(read_wording(TEXT), answers))
    assert answers["purpose"] in page.words


@pytest.mark.parametrize("unit", ["W", "&", "\u0301", "x\u00a0", "文", "\N{FAMILY}\u200d"])
def test_no_run_is_longer_than_the_layout_can_take(unit):
    """Laying a run out costs its length squared: twenty thousand signs took a minute."""
    markup = fill(read_wording(TEXT), some_answers(purpose=unit * (20_000 // len(unit))))
    runs = re.split("<[^>]*>|[ \n]", markup)
    assert max(len(unescape(run)) for run in runs) <= 1050


def test_every_placeholder_is_gone():
    assert "[[" not in filled().words
