"""Loading a dataset card: the only way a dataset comes into the portal."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from django.db import transaction

from requests_app.audit import kinds, log
from requests_app.datasets.card import card_bytes, parse_card
from requests_app.datasets.models import Dataset


class Outcome(StrEnum):
    """What loading a card did to its dataset."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The dataset of a card, and what loading it did."""

    dataset: Dataset
    outcome: Outcome


def load_dataset(*, card_path: Path, by: log.Audited) -> Loaded:
    """Create the dataset that the card describes, or bring it up to date.

    A card that is already in force changes nothing and leaves no entry. Raises ``Invalid`` naming
    every fault of the card. Records DATASET_LOADED with the SHA-256 of the card file.
    """
    content = card_bytes(card_path)
    card = parse_card(content, name=f"The card {card_path}")
    sha256 = hashlib.sha256(content).hexdigest()
    stored = json.loads(json.dumps(card.as_data()))  # as it will come back from the database
    facts = {"title": card.title, "card": stored, "card_sha256": sha256}
    with transaction.atomic():
        dataset = Dataset.objects.select_for_update(no_key=True).filter(slug=card.slug).first()
        if dataset is None:
            dataset, outcome, previous = Dataset(slug=card.slug), Outcome.CREATED, None
        elif (dataset.card_sha256, dataset.card) == (sha256, stored):
            return Loaded(dataset, Outcome.UNCHANGED)
        else:
            outcome, previous = Outcome.UPDATED, dataset.card_sha256
        for name, value in facts.items():
            setattr(dataset, name, value)
        dataset.save()
        log.record(
            kinds.DATASET_LOADED, by=by, on=dataset, card_sha256=sha256, previous_sha256=previous
        )
    return Loaded(dataset, outcome)
