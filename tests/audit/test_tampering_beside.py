"""Changes beside the entries, behind the application's back: values, nodes, cosignatures."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from requests_app.audit import checkpoints, kinds, log, sequencing
from requests_app.audit.models import (
    Entry,
    Leaf,
    PersonalValue,
    SignedCheckpoint,
    TreeNode,
    Unsequenced,
    WitnessSignature,
)
from requests_app.errors import Conflict
from tests.audit.test_witnesses import ask, witness  # noqa: F401 - a fixture
from tests.audit.whole_log import fill, found, raw, unguard, verify

pytestmark = pytest.mark.django_db


def at_place(place: int) -> int:
    return Leaf.objects.get(place=place).entry_id


def missed() -> None:
    verify()
    with pytest.raises(CommandError, match="1 personal values are gone, and no entry says"):
        call_command("audit_verify")


def test_a_value_that_was_put_beside_no_entry_is_missed(whole):
    mine = "UPDATE requests_app_personalvalue SET entry_id = 99999 WHERE entry_id = %s"
    raw(mine, at_place(4))
    missed()


def test_no_other_value_makes_up_for_one_that_was_deleted(whole):
    raw("DELETE FROM requests_app_personalvalue WHERE entry_id = %s", at_place(4))
    missed()
    other = PersonalValue.objects.get(entry_id=at_place(5))
    PersonalValue(entry_id=99999, field="ip", value="192.0.2.8", salt=other.salt).save()
    missed()


def test_the_same_value_twice_does_not_make_up_for_one_that_was_deleted(whole):
    raw("DELETE FROM requests_app_personalvalue WHERE entry_id = %s", at_place(4))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "ALTER TABLE requests_app_personalvalue DROP CONSTRAINT personal_value_once"
            )
        else:
            cursor.execute("CREATE TABLE loose AS SELECT * FROM requests_app_personalvalue")
            cursor.execute("DROP TABLE requests_app_personalvalue")
            cursor.execute("ALTER TABLE loose RENAME TO requests_app_personalvalue")
    raw(
        "INSERT INTO requests_app_personalvalue (id, entry_id, field, value, salt) SELECT"
        " 99999, entry_id, field, value, salt FROM requests_app_personalvalue WHERE entry_id = %s",
        at_place(5),
    )
    missed()


def node(height: int, index: int) -> None:
    TreeNode.objects.create(height=height, index=index, hash=bytes(32))


@pytest.mark.parametrize(("height", "index"), [(8, 0), (8, 7), (16, 0), (3, 0), (0, 2)])
def test_a_node_that_follows_from_no_entry_is_found(whole, height, index):
    node(height, index)
    found(f"1 nodes of height {height} are stored, the last of them {index}, and 0 follow")


def test_a_node_behind_those_that_follow_is_found_and_so_is_one_twice(whole):
    fill(250)
    checkpoints.seal()
    assert verify().size == 259
    node(8, 1)
    found("2 nodes of height 8 are stored, the last of them 1, and 1 follow")


def test_over_a_node_that_was_put_there_no_entry_gets_a_place(whole):
    node(8, 0)
    fill(246)
    checkpoints.seal()
    fill(1)
    with pytest.raises(Conflict, match=r"node 8/0 of its tree is stored, .* audit_verify"):
        sequencing.sequence()
    assert Leaf.objects.count() == 255


WITHOUT_FORM = {"too large": '{"n": 9007199254740993}', "a float": '{"n": 1.5}', "a list": "[]"}


@pytest.mark.parametrize("details", WITHOUT_FORM)
def test_an_entry_without_canonical_form_stops_no_other_and_is_named(whole, details):
    raw(
        "INSERT INTO requests_app_entry (at, kind, actor, subject, trail, details, commitments)"
        " SELECT at, kind, actor, subject, trail, %s, '{}' FROM requests_app_entry WHERE id = %s",
        WITHOUT_FORM[details],
        at_place(8),
    )
    entry = Entry.objects.latest("pk")
    Unsequenced.objects.create(entry_id=entry.pk)
    fill(2)
    assert checkpoints.seal().size == 11
    assert [each.entry_id for each in Unsequenced.objects.all()] == [entry.pk]
    assert checkpoints.uncovered_since() == entry.at  # and so /readyz tells in time
    found(f"number {entry.pk}, which waits, gets no place: it has no canonical form")


@pytest.mark.parametrize("size", [0, -5])
def test_a_checkpoint_of_no_entry_is_found(whole, size):
    first = SignedCheckpoint.objects.get(size=3)
    SignedCheckpoint.objects.create(size=size, note=first.note, vkey="another")
    found(f"checkpoint of size {size} was inserted")


def test_a_number_that_is_spelt_as_another_one_is_found(whole):
    """Both have one canonical form, but readers of the table take them for different numbers."""
    log.record(kinds.LOG_EXPORTED, by=log.SYSTEM, on=log.Named("log"), format="csv", count=7)
    checkpoints.seal()
    entry = Entry.objects.latest("pk")
    raw(
        "UPDATE requests_app_entry SET details = %s WHERE id = %s",
        '{"format": "csv", "count": 7.0}',
        entry.pk,
    )
    found(rf"number {entry.pk}\) was changed")


COSIGNATURE_EDITS = {
    "nothing at all": lambda lines: "",
    "no line": lambda lines: "junk",
    "no signature": lambda lines: lines.replace("\n", "!\n"),
    "other bytes": lambda lines: lines.replace("\n", "")[:-4] + "AAA=\n",
    "another name": lambda lines: lines.replace("witness.example", "stranger.example"),
}


@pytest.mark.parametrize("edit", COSIGNATURE_EDITS)
def test_an_edited_cosignature_is_found(witness, edit):  # noqa: F811 - the fixture
    assert ask()
    unguard()
    assert verify().size == 3
    lines = WitnessSignature.objects.get().lines
    raw("UPDATE requests_app_witnesssignature SET lines = %s", COSIGNATURE_EDITS[edit](lines))
    found("cosigned of the checkpoint of size 3 was changed")


def test_a_cosignature_under_another_name_or_checkpoint_is_found(witness):  # noqa: F811
    assert ask()
    unguard()
    raw("UPDATE requests_app_witnesssignature SET witness = 'stranger.example'")
    found("stranger.example cosigned of the checkpoint of size 3 was changed")
    raw("UPDATE requests_app_witnesssignature SET witness = %s", witness.key.name)
    fill(1)
    checkpoints.seal()
    raw("UPDATE requests_app_witnesssignature SET checkpoint_id = 4")
    found("cosigned of the checkpoint of size 4 was changed")


def test_a_witness_that_was_given_up_or_has_another_key_now_is_believed(witness, settings):  # noqa: F811
    assert ask()
    settings.LOG_WITNESSES = []
    assert verify().size == 3
