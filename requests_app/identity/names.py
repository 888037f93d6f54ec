"""One line of text typed by a person: a name, an institution, a title."""

import unicodedata

from requests_app.errors import Invalid

# Persian, Urdu and the scripts of India spell words with these two.
_JOINERS = frozenset("\u200c\u200d")


def clean_line(value: str) -> str:
    """Return the text in NFC, without surrounding blanks and with single blanks inside.

    Raises `Invalid` with a sentence where it holds a line break, a control, bidirectional or other
    invisible character, or half a character: none of them belongs in a name, and each could forge a
    header, a page or a signed text.
    """
    text = value.strip(" \t")
    for char in text:
        if _is_refused(char):
            raise Invalid(_sentence(char))
    return " ".join(unicodedata.normalize("NFC", text).split())


def folded(name: str) -> str:
    """Returns a name made fit to be compared: case, spaces and ways to compose letters aside."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _is_refused(char: str) -> bool:
    if char in _JOINERS:
        return False
    code = ord(char)
    noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return noncharacter or unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def _sentence(char: str) -> str:
    if char in "\r\n\v\f\x85\u2028\u2029":
        return "Write this on one line, without a line break."
    return f"Remove the invisible character U+{ord(char):04X} and type the text again by hand."
