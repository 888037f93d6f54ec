import pytest
from django.db import DatabaseError, transaction

from requests_app.agreements.models import AgreementText
from requests_app.agreements.texts import current_text, load_texts
from requests_app.agreements.wording import text_sha256
from requests_app.audit import kinds
from requests_app.audit.log import OPERATOR
from requests_app.audit.models import Entry
from requests_app.errors import Conflict, Invalid
from tests.factories.agreements import text_source
from tests.factories.datasets import card_table
from tests.factories.requests import DatasetFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path):
    for number, line in enumerate(["may look at", "may admire", "may draw"], 1):
        (tmp_path / f"gulls-daa-{number}.md").write_text(text_source(line))
    return tmp_path


def gulls(daa: str = "gulls-daa-1"):
    return DatasetFactory(slug="gulls", card=card_table(daa=daa))


def name_in_card(dataset, daa: str) -> None:
    dataset.card["daa"] = daa
    dataset.save()


def test_the_text_that_the_card_names_is_put_in_force(folder):
    dataset = gulls()
    text = load_texts(dataset=dataset, by=OPERATOR, folder=folder)
    assert (text.number, text.body, text.sha256) == (
        1,
        text_source(),
        text_sha256(text_source()),
    )
    assert current_text(dataset) == text
    entry = Entry.objects.get(kind=kinds.AGREEMENT_TEXT_LOADED)
    assert entry.details == {"number": 1, "sha256": text.sha256}


def test_loading_the_same_text_again_changes_nothing(folder):
    dataset = gulls()
    first = load_texts(dataset=dataset, by=OPERATOR, folder=folder)
    assert load_texts(dataset=dataset, by=OPERATOR, folder=folder) == first
    assert Entry.objects.filter(kind=kinds.AGREEMENT_TEXT_LOADED).count() == 1


def test_another_text_under_the_same_number_is_refused(folder):
    dataset = gulls()
    first = load_texts(dataset=dataset, by=OPERATOR, folder=folder)
    (folder / "gulls-daa-1.md").write_text(text_source("may pluck"))
    with pytest.raises(Conflict, match="save yours as version 2"):
        load_texts(dataset=dataset, by=OPERATOR, folder=folder)
    assert current_text(dataset) == first
    assert AgreementText.objects.count() == 1


def test_a_new_number_is_added_and_never_taken_back(folder):
    dataset = gulls()
    load_texts(dataset=dataset, by=OPERATOR, folder=folder)
    name_in_card(dataset, "gulls-daa-2")
    second = load_texts(dataset=dataset, by=OPERATOR, folder=folder)
    assert current_text(dataset) == second
    assert AgreementText.objects.count() == 2
    name_in_card(dataset, "gulls-daa-1")
    with pytest.raises(Conflict, match="never taken back"):
        load_texts(dataset=dataset, by=OPERATOR, folder=folder)


@pytest.mark.parametrize("name", ["gulls-daa-9", "gulls", "gulls-daa-", "../gulls-daa-1"])
def test_a_name_without_a_file_is_refused(folder, name):
    dataset = gulls()
    name_in_card(dataset, name)
    with pytest.raises(Invalid, match="names the agreement text"):
        load_texts(dataset=dataset, by=OPERATOR, folder=folder)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"no front matter", b"+++\n+++\n[[salary]]"])
def test_a_text_that_cannot_be_used_is_not_loaded(folder, content):
    (folder / "gulls-daa-1.md").write_bytes(content)
    with pytest.raises(Invalid):
        load_texts(dataset=gulls(), by=OPERATOR, folder=folder)
    assert not AgreementText.objects.exists()


def test_a_loaded_text_cannot_be_edited_or_deleted(folder):
    text = load_texts(dataset=gulls(), by=OPERATOR, folder=folder)
    text.body = "Other."
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        text.save()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        text.delete()


@pytest.mark.parametrize(
    ("name", "line", "sentence"),
    [
        ("gulls-daa-4", "may\0look at", "holds the character NUL"),
        ("gulls-daa-3000000000", "may look at", "there is no gulls-daa-3000000000.md"),
    ],
)
def test_what_no_column_holds_is_refused(folder, name, line, sentence):
    (folder / f"{name}.md").write_text(text_source(line))
    with pytest.raises(Invalid, match=sentence):
        load_texts(dataset=gulls(name), by=OPERATOR, folder=folder)


def test_without_a_text_nothing_can_be_signed():
    with pytest.raises(Conflict, match="not been published yet"):
        current_text(gulls())
