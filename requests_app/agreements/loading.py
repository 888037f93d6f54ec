"""Opening a dataset for requests: its card and the agreement text the card names, together."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction

from requests_app.agreements.texts import FOLDER, load_texts
from requests_app.audit import log
from requests_app.datasets.loading import Loaded, load_dataset


@transaction.atomic
def load_card(*, card_path: Path, by: log.Audited, texts: Path = FOLDER) -> Loaded:
    """Load the dataset of a card and the text version of its agreement; both or neither.

    Raises what ``load_dataset`` and ``load_texts`` raise: a card whose agreement text is missing
    is not loaded, for nobody could sign.
    """
    loaded = load_dataset(card_path=card_path, by=by)
    load_texts(dataset=loaded.dataset, by=by, folder=texts)
    return loaded
