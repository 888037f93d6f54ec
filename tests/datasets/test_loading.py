"""Loading a card: a dataset is made once, follows its card, and every change is recorded."""

import hashlib
from pathlib import Path

import pytest

from requests_app.audit import kinds, log
from requests_app.audit.models import Entry
from requests_app.datasets.card import card_from
from requests_app.datasets.loading import Outcome, load_dataset
from requests_app.datasets.models import Dataset
from requests_app.errors import Invalid
from tests.datasets.test_card import CARDS
from tests.factories.datasets import make_card, write_card

pytestmark = pytest.mark.django_db


def load(path: Path):
    return load_dataset(card_path=path, by=log.OPERATOR)


def test_a_card_makes_its_dataset(tmp_path):
    path = write_card(tmp_path / "card.toml")
    loaded = load(path)
    dataset = Dataset.objects.get()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert loaded.outcome == Outcome.CREATED
    assert (dataset.slug, dataset.title) == ("gulls", "Gulls: moods of gulls")
    assert dataset.card_sha256 == sha256
    assert card_from(dataset.card) == make_card()
    entry = Entry.objects.get()
    assert (entry.kind, entry.actor) == (kinds.DATASET_LOADED, "operator")
    assert entry.details == {"card_sha256": sha256, "previous_sha256": None}


def test_the_same_card_again_changes_and_records_nothing(tmp_path):
    path = write_card(tmp_path / "card.toml")
    first = load(path).dataset
    again = load(path)
    assert again.outcome == Outcome.UNCHANGED
    assert again.dataset == first
    assert Dataset.objects.get().updated_at == first.updated_at
    assert Entry.objects.count() == 1


def test_a_changed_card_updates_its_dataset_and_is_recorded(tmp_path):
    path = write_card(tmp_path / "card.toml")
    before = load(path).dataset
    after = load(write_card(path, title="Gulls and their moods"))
    assert after.outcome == Outcome.UPDATED
    dataset = Dataset.objects.get()
    assert dataset.pk == before.pk
    assert dataset.title == dataset.card["title"] == "Gulls and their moods"
    entry = Entry.objects.latest("pk")
    assert entry.details == {
        "card_sha256": dataset.card_sha256,
        "previous_sha256": before.card_sha256,
    }


def test_a_card_stored_in_an_older_shape_is_brought_up_to_date(tmp_path):
    path = write_card(tmp_path / "card.toml")
    load(path)
    Dataset.objects.update(card={"slug": "gulls"})
    assert load(path).outcome == Outcome.UPDATED
    assert card_from(Dataset.objects.get().card) == make_card()


def test_a_faulty_card_changes_nothing(tmp_path):
    path = write_card(tmp_path / "card.toml")
    load(path)
    with pytest.raises(Invalid, match=r"“totals.all” says 10 but the classes add up to 9"):
        load(write_card(path, totals={"emotion": 5, "no_emotion": 4, "all": 10}))
    assert Dataset.objects.get().card["totals"]["all"] == 9
    assert Entry.objects.count() == 1


def test_a_dataset_that_cannot_be_recorded_is_not_made(tmp_path, monkeypatch):
    monkeypatch.setitem(kinds.KINDS, kinds.DATASET_LOADED, kinds.KINDS[kinds.SIGNED_IN])
    with pytest.raises(ValueError, match="does not declare"):
        load(write_card(tmp_path / "card.toml"))
    assert not Dataset.objects.exists()


def test_two_cards_make_two_datasets(tmp_path):
    load(write_card(tmp_path / "card.toml"))
    load(CARDS / "cmed.toml")
    assert set(Dataset.objects.values_list("slug", flat=True)) == {"gulls", "cmed"}
