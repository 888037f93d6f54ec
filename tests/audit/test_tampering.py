"""Changes behind the application's back, with the guards dropped: every one is found and named."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from requests_app import conf
from requests_app.audit import (
    canonical,
    checkpoints,
    kept_note,
    kinds,
    log,
    log_key,
    merkle,
    notes,
    outsider,
    sequencing,
    tree,
    verifying,
)
from requests_app.audit.models import Entry, Leaf, PersonalValue, SignedCheckpoint, TreeNode
from requests_app.errors import Conflict
from tests.audit.whole_log import fill, found, raw, verify

pytestmark = pytest.mark.django_db


def entry_at(place: int) -> Entry:
    return Leaf.objects.select_related("entry").get(place=place).entry


def test_a_whole_log_holds_also_once_values_are_erased(whole):
    assert verify() == verifying.Verified(9, checkpoints=3, size=9, waiting=0, note_kept=True)
    PersonalValue.objects.filter(entry=entry_at(2)).delete()
    assert verify().entries == 9
    first = SignedCheckpoint.objects.get(size=3)
    assert verify(first.note) == verifying.Verified(6, 2, 9, 0, note_kept=True)


def test_a_log_that_grows_meanwhile_holds_as_far_as_it_was_looked_at(whole):
    def grow(done, total):
        fill(2)
        checkpoints.seal()
        fill(1)

    found = verifying.verify(progress=grow)
    assert found == verifying.Verified(9, 3, 9, 1, note_kept=True)


EDITS = {
    "at": "2020-01-01 00:00:00+00:00",
    "kind": kinds.PASSWORD_CHANGED,
    "actor": "user:1",
    "subject": "user:8",
    "trail": "user:8",
    "details": '{"method": "code"}',
    "commitments": "{}",
}


def test_every_column_of_an_entry_is_edited_below():
    assert {field.column for field in Entry._meta.concrete_fields} == {*EDITS, "id"}


@pytest.mark.parametrize("column", EDITS)
@pytest.mark.parametrize("place", [0, 4, 8])
def test_an_edited_entry_is_named(whole, column, place):
    entry = entry_at(place)
    raw(f"UPDATE requests_app_entry SET {column} = %s WHERE id = %s", EDITS[column], entry.pk)
    found(rf"place {place} \(number {entry.pk}\) was changed")


@pytest.mark.parametrize("place", [0, 4, 8])
def test_an_entry_under_another_number_is_missed(whole, place):
    raw("UPDATE requests_app_entry SET id = 9999 WHERE id = %s", entry_at(place).pk)
    found(f"The entry at place {place} is missing")


@pytest.mark.parametrize("place", [0, 4, 8])
def test_a_deleted_entry_is_missed_with_its_leaf_or_without(whole, place):
    entry = entry_at(place)
    raw("DELETE FROM requests_app_personalvalue WHERE entry_id = %s", entry.pk)
    raw("DELETE FROM requests_app_entry WHERE id = %s", entry.pk)
    found(f"The entry at place {place} is missing")
    raw("DELETE FROM requests_app_leaf WHERE place = %s", place)
    found("from place 8 on are missing" if place == 8 else f"place {place} is missing")


def test_swapped_entries_are_named(whole):
    one, two = entry_at(3).pk, entry_at(5).pk
    for new, place in ((-1, 3), (one, 5), (two, 3)):
        raw("UPDATE requests_app_leaf SET entry_id = %s WHERE place = %s", new, place)
    found(rf"place 3 \(number {two}\) was changed")


def test_swapped_leaves_are_found_by_the_next_checkpoint(whole):
    for new, place in ((-1, 3), (3, 5), (5, -1)):
        raw("UPDATE requests_app_leaf SET place = %s WHERE place = %s", new, place)
    found("checkpoint of size 6 was signed over other entries")


def test_an_entry_changed_together_with_its_leaf_is_found_by_the_next_checkpoint(whole):
    entry = entry_at(4)
    raw("UPDATE requests_app_entry SET actor = 'user:1' WHERE id = %s", entry.pk)
    entry.refresh_from_db()
    leaf = merkle.leaf_hash(sequencing.leaf_of(entry))
    raw("UPDATE requests_app_leaf SET hash = %s WHERE place = 4", leaf)
    found("checkpoint of size 6 was signed over other entries")


def insert(**changes: object) -> Entry:
    entry = entry_at(0)
    entry.pk = None
    for name, value in changes.items():
        setattr(entry, name, value)
    entry.save(force_insert=True)
    return entry


def test_an_entry_inserted_between_others_is_found_by_the_next_checkpoint(whole):
    entry = insert()
    for place in range(8, 3, -1):
        raw("UPDATE requests_app_leaf SET place = %s WHERE place = %s", place + 1, place)
    leaf = merkle.leaf_hash(sequencing.leaf_of(entry))
    Leaf.objects.create(place=4, entry=entry, hash=leaf)
    found("checkpoint of size 6 was signed over other entries")


def test_a_replayed_entry_that_was_given_a_second_place_is_named(whole):
    """The leaf is right, and no checkpoint covers it yet; only the constraint stood in the way."""
    entry = entry_at(0)
    raw_without_unique_entries(
        "INSERT INTO requests_app_leaf (place, entry_id, hash)"
        " SELECT 9, entry_id, hash FROM requests_app_leaf WHERE place = 0"
    )
    found(f"number {entry.pk} was replayed")


def raw_without_unique_entries(statement: str) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            held = connection.introspection.get_constraints(cursor, "requests_app_leaf")
            for name, facts in held.items():
                if facts["unique"] and facts["columns"] == ["entry_id"]:
                    cursor.execute(f'ALTER TABLE requests_app_leaf DROP CONSTRAINT "{name}"')
        else:
            cursor.execute("CREATE TABLE loose AS SELECT * FROM requests_app_leaf")
            cursor.execute("DROP TABLE requests_app_leaf")
            cursor.execute("ALTER TABLE loose RENAME TO requests_app_leaf")
        cursor.execute(statement)


def test_an_inserted_or_replayed_entry_without_a_place_is_named(whole):
    entry = insert()
    found(f"number {entry.pk} was inserted past the log")


def test_a_replayed_leaf_is_not_that_of_its_entry(whole):
    entry = insert()
    Leaf.objects.create(place=9, entry=entry, hash=Leaf.objects.get(place=0).hash)
    found(rf"place 9 \(number {entry.pk}\) was changed")


def test_an_entry_appended_with_an_old_date_is_back_dated(whole):
    entry = insert(at=timezone.now() - timedelta(days=2))
    leaf = merkle.leaf_hash(sequencing.leaf_of(entry))
    Leaf.objects.create(place=9, entry=entry, hash=leaf)
    found(rf"place 9 \(number {entry.pk}\) .* back-dated")


def test_an_edited_personal_value_or_salt_is_named(whole):
    value = PersonalValue.objects.get(entry=entry_at(4))
    for column, new in (("value", '"192.0.2.8"'), ("salt", canonical.new_salt()), ("field", "x")):
        raw(f"UPDATE requests_app_personalvalue SET {column} = %s WHERE id = %s", new, value.pk)
        found(r"place 4 .* does not commit to the value")


def test_a_personal_value_moved_to_another_entry_is_named(whole):
    moved, other = entry_at(2), entry_at(7)
    raw("DELETE FROM requests_app_personalvalue WHERE entry_id = %s", other.pk)
    raw(
        "UPDATE requests_app_personalvalue SET entry_id = %s WHERE entry_id = %s",
        other.pk,
        moved.pk,
    )
    found(r"place 7 .* does not commit to the value")


@pytest.mark.parametrize("place", [0, 4, 8])
def test_an_edited_leaf_hash_is_named(whole, place):
    raw("UPDATE requests_app_leaf SET hash = %s WHERE place = %s", bytes(32), place)
    found(rf"place {place} .* was changed after it was given its place")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL stores no broken JSON")
@pytest.mark.parametrize("broken", ["", "{", "{} {}", "[" * 100_000, '{"a": NaN}'], ids=range(5))
def test_an_entry_that_cannot_be_read_is_named(whole, broken):
    connection.cursor().execute("PRAGMA ignore_check_constraints = ON")
    try:
        raw("UPDATE requests_app_entry SET details = %s WHERE id = %s", broken, entry_at(4).pk)
    finally:
        connection.cursor().execute("PRAGMA ignore_check_constraints = OFF")
    found("place 4 .* was changed")


def test_an_edited_node_is_named(whole):
    fill(250)
    sequencing.sequence()
    assert verify().size == 259
    raw("UPDATE requests_app_treenode SET hash = %s", bytes(32))
    found("node 8/0 does not follow from the entries from place 0 to 255")
    TreeNode.objects.all()._raw_delete(connection.alias)
    found("node 8/0 does not follow")


CHECKPOINT_EDITS: dict[str, Callable[[SignedCheckpoint], tuple[object, str]]] = {
    "size": lambda kept: (5, "its note has size 6"),
    "note": lambda kept: (kept.note.replace("\n6\n", "\n5\n"), "signature is not valid"),
    "vkey": lambda kept: (
        str(notes.public_key(conf.log_origin(), Ed25519PrivateKey.generate())),
        "key was swapped",
    ),
    "made_at": lambda kept: ("2020-01-01 00:00:00+00:00", "its date was changed"),
}


def test_every_column_of_a_checkpoint_is_edited_below():
    columns = {field.column for field in SignedCheckpoint._meta.concrete_fields}
    assert columns == {*CHECKPOINT_EDITS}


@pytest.mark.parametrize("column", CHECKPOINT_EDITS)
def test_an_edited_checkpoint_is_named(whole, column):
    new, sentence = CHECKPOINT_EDITS[column](SignedCheckpoint.objects.get(size=6))
    raw(f"UPDATE requests_app_signedcheckpoint SET {column} = %s WHERE size = 6", new)
    found(f"checkpoint of size .*{sentence}")


@pytest.mark.parametrize("seconds", [-86_400, -1, 1, 86_400])
def test_no_date_of_a_checkpoint_can_be_moved(whole, seconds):
    for size in (3, 9):
        row = SignedCheckpoint.objects.get(size=size)
        moved = row.made_at + timedelta(seconds=seconds)
        raw("UPDATE requests_app_signedcheckpoint SET made_at = %s WHERE size = %s", moved, size)
        found(f"checkpoint of size {size} .*its date was changed")
        raw(
            "UPDATE requests_app_signedcheckpoint SET made_at = %s WHERE size = %s",
            row.made_at,
            size,
        )


def test_a_date_that_was_written_into_a_checkpoint_is_not_signed_with_the_next(whole):
    """The key would vouch for it, and each honest entry until then would look back-dated."""
    row, ahead = SignedCheckpoint.objects.get(size=9), timezone.now() + timedelta(days=9999)
    date = "UPDATE requests_app_signedcheckpoint SET made_at = %s WHERE size = 9"
    raw(date, ahead)
    fill(1)
    with pytest.raises(Conflict, match=r"size 9 is dated .*its date was changed"):
        checkpoints.seal()
    undated(9)
    kept_note.keep(SignedCheckpoint.objects.get(size=9).note)
    with pytest.raises(Conflict, match=r"dated .*, which is yet to come"):
        checkpoints.seal()
    raw(date, row.made_at)
    assert checkpoints.seal().made_at < ahead


def test_an_entry_back_dated_together_with_the_checkpoint_before_it_is_found(whole):
    """Nothing signed told when the last checkpoint was signed; its row alone did."""
    long_ago = timezone.now() - timedelta(days=400)
    waits(insert(at=long_ago).pk)
    checkpoints.seal()
    found(r"place 9 .* back-dated")
    raw("UPDATE requests_app_signedcheckpoint SET made_at = %s WHERE size < 10", long_ago)
    found("checkpoint of size 3 .*its date was changed")


DELETED = {
    3: "checkpoint of size 6 is not the first that was signed: those before it were deleted",
    6: "checkpoint of size 9 does not follow the one of size 3: one between them was deleted",
    9: "checkpoint of size 9, signed last and kept in .*, is not stored",
}


@pytest.mark.parametrize("size", DELETED)
def test_a_deleted_checkpoint_is_missed(whole, size):
    raw("DELETE FROM requests_app_signedcheckpoint WHERE size = %s", size)
    found(DELETED[size])


def test_the_newest_checkpoint_that_was_deleted_is_missed_by_who_kept_it(whole, capsys):
    trusted = checkpoints.latest_note()
    raw("DELETE FROM requests_app_signedcheckpoint WHERE size = 9")
    kept_note.file().unlink()
    call_command("audit_verify")
    assert "whether newer ones were deleted is told by a checkpoint" in capsys.readouterr().out
    with pytest.raises(outsider.Wrong, match="size 9, which you trust, is not stored any more"):
        verify(trusted)


def test_another_note_than_the_one_that_is_trusted_is_found(whole):
    trusted = checkpoints.latest_note()
    undated(9)
    with pytest.raises(outsider.Wrong, match=r"size 9, which you trust, is not the one .* stored"):
        verify(trusted)


def test_a_note_that_was_not_kept_any_more_does_not_vouch_for_the_newest_checkpoint(whole):
    assert verify().note_kept
    kept_note.keep(SignedCheckpoint.objects.get(size=6).note)
    assert not verify().note_kept


def test_the_newest_checkpoint_that_was_deleted_is_stored_again_before_more_is_signed(whole):
    last = SignedCheckpoint.objects.get(size=9)
    for count in (0, 2):
        raw("DELETE FROM requests_app_signedcheckpoint WHERE size >= 9")
        kept_note.keep(last.note)
        fill(count)
        checkpoints.seal()
        assert SignedCheckpoint.objects.get(size=9).note == last.note
        assert verify().checkpoints == 3 + bool(count)


def test_nothing_is_signed_over_several_checkpoints_that_were_deleted(whole):
    raw("DELETE FROM requests_app_signedcheckpoint WHERE size > 3")
    fill(1)
    with pytest.raises(Conflict, match="size 9, or the one before it, was deleted"):
        checkpoints.seal()


def test_another_checkpoint_of_the_size_that_was_signed_last_is_found(whole):
    other = outsider.Checkpoint(conf.log_origin(), 9, tree.root(9), signed=1)
    kept_note.keep(notes.sign(other, log_key.load()))
    found("Of size 9 another checkpoint is stored")
    fill(1)
    with pytest.raises(Conflict, match="Of size 9 another checkpoint is stored"):
        checkpoints.seal()


def undated(size: int) -> None:
    """Puts a note there as they were before they told when they were signed."""
    said = outsider.Checkpoint(conf.log_origin(), size, tree.root(size))
    note = notes.sign(said, log_key.load())
    raw("UPDATE requests_app_signedcheckpoint SET note = %s WHERE size = %s", note, size)


def test_checkpoints_that_do_not_tell_their_time_hold_before_all_that_do(whole):
    undated(3)
    undated(6)
    found("size 9 does not follow the one of size 6")
    raw("DELETE FROM requests_app_signedcheckpoint WHERE size = 9")
    kept_note.keep(SignedCheckpoint.objects.get(size=6).note)
    checkpoints.seal()
    assert verify().checkpoints == 3


def test_a_checkpoint_that_does_not_tell_its_time_is_not_dated_before_the_one_it_follows(whole):
    for size in (3, 6, 9):
        undated(size)
    kept_note.keep(SignedCheckpoint.objects.get(size=9).note)
    assert verify().checkpoints == 3
    early = "2020-01-01 00:00:00+00:00"
    raw("UPDATE requests_app_signedcheckpoint SET made_at = %s WHERE size = 6", early)
    found("checkpoint of size 6 is dated before the one it follows")


def test_a_checkpoint_that_does_not_tell_its_time_holds_after_none_that_does(whole):
    undated(9)
    found("size 9 does not say when it was signed, as the one before it does")


def rewrite(key: Ed25519PrivateKey, size: int) -> str:
    """The log cut down to `size` as its keeper would, signed again from the beginning."""
    for table, column in (("signedcheckpoint", "size"), ("leaf", "place")):
        raw(f"DELETE FROM requests_app_{table} WHERE {column} >= %s", size)
    kept = Leaf.objects.values("entry_id")
    PersonalValue.objects.exclude(entry__in=kept).delete()
    Entry.objects.exclude(pk__in=kept)._raw_delete(connection.alias)
    SignedCheckpoint.objects.all()._raw_delete(connection.alias)
    now = outsider.Checkpoint(conf.log_origin(), size, tree.root(size))
    vkey = str(notes.public_key(now.origin, key))
    return SignedCheckpoint.objects.create(size=size, note=notes.sign(now, key), vkey=vkey).note


@pytest.fixture
def script(tmp_path, capsys):
    """The outsider's script, with what the outsider kept: the key and a checkpoint."""
    kept = SignedCheckpoint.objects.get(size=9)
    (tmp_path / "kept.txt").write_text(kept.note)

    def run(note: str, proof: list[bytes] | None = None) -> tuple[int, str]:
        (tmp_path / "latest.txt").write_text(note)
        encoded = [base64.b64encode(each).decode() for each in proof or []]
        (tmp_path / "proof.json").write_text(json.dumps({"proof": encoded}))
        arguments = ["--key", kept.vkey]
        for name, file in (("kept", "kept.txt"), ("latest", "latest.txt"), ("proof", "proof.json")):
            arguments += [f"--{name}", str(tmp_path / file)]
        code = outsider.main(arguments)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def test_a_log_cut_back_and_signed_again_is_found_from_a_kept_checkpoint(whole, script):
    fill(2)
    grown = checkpoints.seal()
    assert script(grown.note, tree.consistency(first=9, second=11))[0] == 0
    note = rewrite(log_key.load(), 7)
    kept_note.file().unlink()  # whoever rewrites a log would think of that
    assert verify().size == 7  # the keeper's own look finds nothing
    code, told = script(note)
    assert code == 1
    assert "has shrunk" in told
    fill(4)
    regrown = checkpoints.seal()
    code, told = script(regrown.note, tree.consistency(first=9, second=11))
    assert code == 1
    assert "does not go on from" in told


def test_what_is_no_proof_could_not_be_checked(whole, script, tmp_path, capsys):
    fill(1)
    grown = checkpoints.seal()
    script(grown.note, tree.consistency(first=9, second=10))
    (tmp_path / "proof.json").write_text('{"error": "busy"}')
    arguments = ["--key", grown.vkey]
    for name, file in (("kept", "kept.txt"), ("latest", "latest.txt"), ("proof", "proof.json")):
        arguments += [f"--{name}", str(tmp_path / file)]
    assert outsider.main(arguments) == 2
    assert "not a proof" in capsys.readouterr().err


def test_a_log_signed_by_another_key_is_found_by_the_kept_key(whole, script):
    code, told = script(rewrite(Ed25519PrivateKey.generate(), 8))
    assert code == 1
    assert "not signed by the key you have" in told


def test_a_receipt_holds_and_a_changed_one_does_not(whole, tmp_path, capsys):
    receipt = checkpoints.receipt(entry_at(4).pk)
    told = {
        "index": receipt.index,
        "leaf": receipt.leaf,
        "proof": [base64.b64encode(each).decode() for each in receipt.proof],
        "checkpoint": receipt.checkpoint,
    }
    file, vkey = tmp_path / "receipt.json", SignedCheckpoint.objects.get(size=9).vkey
    for change, code in (
        ({}, 0),
        ({"leaf": receipt.leaf.replace("user:7", "user:8")}, 1),
        ({"index": 3}, 1),
        ({"proof": told["proof"][1:]}, 1),
        ({"checkpoint": receipt.checkpoint.replace("\n9\n", "\n8\n")}, 1),
        ({"checkpoint": "x"}, 1),
        ({"checkpoint": None}, 1),
        ({"proof": None}, 1),
    ):
        file.write_text(json.dumps({**told, **change}))
        assert outsider.main(["--key", vkey, "--receipt", str(file)]) == code, change
    capsys.readouterr()


def test_the_command_says_what_holds_and_what_does_not(whole, tmp_path, capsys):
    call_command("audit_verify", "--json")
    assert json.loads(capsys.readouterr().out)["entries"] == 9
    kept = tmp_path / "kept.txt"
    kept.write_text(SignedCheckpoint.objects.get(size=6).note)
    call_command("audit_verify", "--from", str(kept))
    assert "3 entries recomputed" in capsys.readouterr().out
    raw("UPDATE requests_app_entry SET actor = 'user:1' WHERE id = %s", entry_at(1).pk)
    call_command("audit_verify", "--from", str(kept))  # what it trusts it does not look at
    with pytest.raises(CommandError, match=r"place 1 .* was changed") as stopped:
        call_command("audit_verify")
    assert stopped.value.returncode == 1
    with pytest.raises(CommandError, match="not a public key of a log"):
        call_command("audit_verify", "--key", "x")
    kept.write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="no text in UTF-8"):
        call_command("audit_verify", "--from", str(kept))


def test_a_program_reads_that_the_log_does_not_hold(whole, capsys):
    raw("UPDATE requests_app_entry SET actor = 'user:1' WHERE id = %s", entry_at(1).pk)
    with pytest.raises(CommandError) as stopped:
        call_command("audit_verify", "--json")
    assert stopped.value.returncode == 1
    told = json.loads(capsys.readouterr().out)
    assert told["holds"] is False
    assert "place 1" in told["why"]


def waits(entry: int) -> None:
    raw("INSERT INTO requests_app_unsequenced (entry_id) VALUES (%s)", entry)


def test_a_clock_that_was_set_back_leaves_a_log_that_holds(whole):
    with time_machine.travel(timezone.now() - timedelta(minutes=1), tick=True):
        fill(1)
        checkpoints.seal()
    assert verify().checkpoints == 4


def test_an_entry_dated_ahead_is_named(whole):
    raw_entry = insert(at=timezone.now() + timedelta(days=1))
    waits(raw_entry.pk)
    sequencing.sequence()
    found("place 9 .* dated ahead")
    checkpoints.seal()
    found("place 9 .* dated ahead")


def test_an_entry_back_dated_after_the_checkpoint_trusted_is_named(whole):
    trusted = checkpoints.latest_note()
    waits(insert(at=timezone.now() - timedelta(days=400)).pk)
    checkpoints.seal()
    with pytest.raises(outsider.Wrong, match=r"place 9 .* back-dated"):
        verify(trusted)


def test_a_row_that_waits_for_nothing_is_named_and_stops_nothing(whole):
    for number in (entry_at(0).pk, 10**9):
        waits(number)
        found(f"waited for by the entry number {number}")
        fill(1)
        checkpoints.seal()
        assert verify().waiting == 0


def test_an_entry_that_was_never_placed_is_found_beside_a_spare_row(whole):
    besides = insert()
    waits(entry_at(0).pk)
    found(f"The entry number {besides.pk} was inserted past the log")


def test_nothing_is_signed_after_a_tree_that_shrank_or_a_note_that_says_another_size(whole):
    last = SignedCheckpoint.objects.get(size=9)
    raw("DELETE FROM requests_app_leaf WHERE place >= 7")
    with pytest.raises(Conflict, match="shrunk"):
        checkpoints.seal()
    SignedCheckpoint.objects.create(size=10**12, note=last.note, vkey=last.vkey)
    with pytest.raises(Conflict, match="has size 9"):
        checkpoints.seal()


def test_values_that_went_without_an_entry_are_told(whole, capsys):
    raw("DELETE FROM requests_app_personalvalue WHERE entry_id = %s", entry_at(2).pk)
    with pytest.raises(CommandError, match="1 personal values are gone, and no entry") as stopped:
        call_command("audit_verify")
    assert stopped.value.returncode == 1


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL keeps no text of a JSON value"
)
@pytest.mark.parametrize(
    "text", ['{"method": "code", "method": "password"}', '{"method":"password"}']
)
def test_json_that_reads_as_something_else_elsewhere_is_named(whole, text):
    raw("UPDATE requests_app_entry SET details = %s WHERE id = %s", text, entry_at(4).pk)
    found("place 4 .* cannot be read")


@pytest.mark.parametrize("value", [1.5, [1.5], {"a": (1e22,)}])
def test_no_float_is_recorded(value):
    with pytest.raises(ValueError, match="float"):
        log.record(kinds.SIGNED_IN, by=log.SYSTEM, on=log.Named("user:7"), method=value)
