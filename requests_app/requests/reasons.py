"""Reasons and notes as people type them, made fit to be kept, mailed and shown."""

import unicodedata

from requests_app.errors import Invalid

LONGEST = 4_000


def clean(text: str, *, field: str = "reason", required: str = "") -> str:
    """Returns `text` without surrounding blanks, its line ends as LF, its letters composed (NFC).

    `required` is the sentence for a text without a visible character; without one, empty is
    allowed. Raises Invalid for that and for a too long (`LONGEST` characters) or unprintable text,
    with the sentence under `field`.
    """
    tidy = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    sentence = ""
    if required and all(unicodedata.category(char)[0] in "CZ" for char in tidy):
        sentence = required
    elif len(tidy) > LONGEST:
        sentence = f"Keep this below {LONGEST:,} characters; it has {len(tidy):,}."
    elif any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t" for char in tidy):
        sentence = "This contains a control character. Type it again without it."
    if sentence:
        raise Invalid(sentence, {field: [sentence]})
    return tidy
