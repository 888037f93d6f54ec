"""A line is shown as typed or refused with a sentence."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.errors import Invalid
from requests_app.identity.names import clean_line


@pytest.mark.parametrize(
    "name",
    [
        "陈伟",
        "Zoë Ångström",
        "О'Браєн",
        "महात्मा गांधी",
        "می\u200cخواهم",
        "<script>",
        "{{ 7*7 }}",
        "👩\u200d🔬 Ada",
    ],
)
def test_names_in_any_script_and_odd_signs_stay_as_typed(name: str) -> None:
    assert clean_line(name) == name


def test_blanks_and_composition_are_made_uniform() -> None:
    assert clean_line("  Zoe\u0308   A\u030angstro\u0308m ") == "Zoë Ångström"


@pytest.mark.parametrize("name", ["Ada\r\nBcc: eve@evil.com", "Ada\nB", "Ada\u2028B", "Ada\x85B"])
def test_line_breaks_are_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(Invalid, match="one line"):
        clean_line(name)


@pytest.mark.parametrize(
    "char",
    [
        "\x00",
        "\x1b",
        "\x7f",
        "\u202e",
        "\u2066",
        "\u200e",
        "\ufeff",
        "\ud800",
        "\uffff",
        "\ufdd0",
        "\ue000",
    ],
)
def test_invisible_and_half_characters_are_refused_by_name(char: str) -> None:
    with pytest.raises(Invalid, match=f"U\\+{ord(char):04X}"):
        clean_line(f"A{char}da")


@given(st.text())
def test_a_cleaned_line_is_clean_and_nothing_but_the_domain_error_is_raised(text: str) -> None:
    try:
        line = clean_line(text)
    except Invalid:
        return
    assert clean_line(line) == line
    assert unicodedata.is_normalized("NFC", line)
    assert line.isprintable() or "\u200c" in line or "\u200d" in line or not line.isascii()
