"""The text versions of a dataset's agreement: loaded from files, numbered, never changed."""

import re
from pathlib import Path
from typing import Final

from django.db import transaction

from requests_app.agreements.models import AgreementText
from requests_app.agreements.wording import read_wording, text_sha256
from requests_app.audit import kinds, log
from requests_app.datasets.models import Dataset
from requests_app.errors import Conflict, Invalid

FOLDER: Final = Path(__file__).parent / "texts"

_NAME: Final = re.compile(r"^[a-z0-9]+(?:-[a-z0-9]+)*-(\d{1,4})$")


@transaction.atomic
def load_texts(*, dataset: Dataset, by: log.Audited, folder: Path = FOLDER) -> AgreementText:
    """Loads the text version that the dataset's card names; returns it, the one now in force.

    The card's `daa` is the name of a file in `folder` without its ending, and ends in the number of
    the version. Loading the same text again changes nothing. Raises Invalid when there is no such
    file or its wording has a fault (see `wording.read_wording`), and Conflict when another text
    already bears the number, or a later version is in force: what people have signed stays as it
    is. Effects: a row and an entry, if the version is new.
    """
    locked = Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    name = str(locked.card["daa"])
    number, body = _read(folder, name)
    read_wording(body)
    newest = locked.agreement_texts.order_by("-number").first()
    if newest is not None and newest.number > number:
        raise Conflict(
            f"The card names {name}, but version {newest.number} is in force already, and a text "
            "version is never taken back. Name that version in the card, or add a new one."
        )
    if newest is not None and newest.number == number:
        if newest.sha256 != text_sha256(body):
            raise Conflict(
                f"The text of {name} differs from version {number} as it was loaded before. A "
                f"loaded text never changes: save yours as version {number + 1} and name it in "
                "the card."
            )
        return newest
    return _add(locked, number, body, by)


def current_text(dataset: Dataset) -> AgreementText:
    """Returns the text version in force, the one with the highest number; Conflict if none is."""
    text = AgreementText.objects.filter(dataset=dataset).order_by("-number").first()
    if text is None:
        raise Conflict(
            "The agreement for this dataset has not been published yet, so nothing can be signed. "
            "Your answers are saved; please write to the contact of the dataset."
        )
    return text


def _read(folder: Path, name: str) -> tuple[int, str]:
    match = _NAME.match(name)
    path = folder / f"{name}.md"
    if match is None or not path.is_file():
        raise Invalid(f"The card names the agreement text “{name}”, but there is no {name}.md.")
    try:
        body = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"The agreement text {name}.md is not written in UTF-8.") from error
    if "\0" in body:  # which PostgreSQL does not keep
        raise Invalid(f"The agreement text {name}.md holds the character NUL.")
    return int(match[1]), body


def _add(dataset: Dataset, number: int, body: str, by: log.Audited) -> AgreementText:
    text = AgreementText.objects.create(
        dataset=dataset, number=number, body=body, sha256=text_sha256(body)
    )
    log.record(kinds.AGREEMENT_TEXT_LOADED, by=by, on=text, number=number, sha256=text.sha256)
    return text
