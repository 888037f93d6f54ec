"""Reasons and notes as people type them, made fit to be kept, mailed and shown."""

from requests_app.errors import Invalid
from requests_app.requests.answers import clean_text, is_blank

LONGEST = 4_000


def clean(text: str, *, field: str = "reason", required: str = "") -> str:
    """Returns `text` as `answers.clean_text` keeps long answers.

    `required` is the sentence for a text without a visible character; without one, empty is
    allowed. Raises Invalid for that and for what `clean_text` refuses, with the sentence under
    `field`.
    """
    try:
        tidy = clean_text(text, LONGEST)
    except Invalid as error:
        raise Invalid(error.message, {field: [error.message]}) from error
    if required and is_blank(tidy):
        raise Invalid(required, {field: [required]})
    return tidy
