"""Exports with proofs, checked by the script that outsiders get, and by nothing else of ours."""

import csv
import io
import json
import subprocess
import sys
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from requests_app.audit import canonical, checkpoints, exporting, kinds, log, outsider, tree
from requests_app.audit.models import Entry
from requests_app.audit.origin import Origin, acting_from

CHANGES = {
    "id": 10**6,
    "at": "2020-01-01T00:00:00.000000Z",
    "kind": kinds.SIGNED_IN,
    "actor": "user:8",
    "subject": "grant:9",
    "trail": "grant:9",
    "details": {"more": 1},
    "commitments": {"reason": "0" * 64, "ip": "0" * 64},
}


def happen(number: int) -> Entry:
    with acting_from(Origin(ip="192.0.2.7")):
        on = log.Named(f"grant:{number}")
        return log.record(kinds.GRANT_REVOKED, by=log.SYSTEM, on=on, reason="Möwen \U0001f426")


@pytest.fixture
def key(db) -> outsider.Key:
    """Five entries under a checkpoint, and one that came after it."""
    for number in range(5):
        happen(number)
    made = outsider.parse_key(checkpoints.seal().vkey)
    happen(5)
    return made


def exported(form: str = "jsonl") -> list[str]:
    return list(exporting.lines(Entry.objects.all(), form))


def test_every_entry_is_proved_against_the_one_checkpoint_that_the_file_holds(key):
    held = outsider.check_export(exported(), key)
    assert (held.checkpoint.size, held.proved, held.unproved) == (5, 5, 1)
    first, *rows = map(json.loads, exported())
    assert first == {"checkpoint": checkpoints.latest_note()}
    assert [row["proof"] and row["proof"]["index"] for row in rows] == [0, 1, 2, 3, 4, None]


@pytest.mark.parametrize(("size", "days", "says"), [(2, 1, "back-dated"), (5, -1, "dated ahead")])
def test_entries_are_held_to_the_times_of_checkpoints_that_were_kept(key, size, days, says):
    signed = int((timezone.now() + timedelta(days=days)).timestamp())
    kept = outsider.Checkpoint(key.name, size, tree.root(size), signed)
    with pytest.raises(outsider.Wrong, match=rf"Line \d: .*{says}"):
        outsider.check_export(exported(), key, [kept])


@pytest.mark.parametrize("field", CHANGES)
def test_an_entry_that_was_changed_in_the_file_is_named(key, field):
    lines = exported()
    row = json.loads(lines[3])
    lines[3] = json.dumps(row | {field: CHANGES[field]})
    with pytest.raises(outsider.Wrong, match="Line 4: Entry 2 is not what the log"):
        outsider.check_export(lines, key)


def test_what_no_proof_covers_is_named(key):
    lines = exported()
    row = json.loads(lines[3])
    lines[3] = json.dumps(row | {"remark": "It was Bea."})
    with pytest.raises(outsider.Wrong, match=r"Line 4: Nothing proves .* 'remark'"):
        outsider.check_export(lines, key)
    row["proof"]["leaf_hash"] = json.loads(lines[2])["proof"]["leaf_hash"]
    lines[3] = json.dumps(row)
    with pytest.raises(outsider.Wrong, match="Line 4: The leaf hash"):
        outsider.check_export(lines, key)


@pytest.mark.parametrize("name", ["actor", "\\u0061ctor"])
def test_an_entry_that_says_a_thing_twice_is_named(key, name):
    lines = exported()
    lines[3] = f'{{"{name}": "user:8", {lines[3].lstrip()[1:]}'
    with pytest.raises(outsider.Wrong, match="Line 4: A name stands twice"):
        outsider.check_export(lines, key)


@pytest.mark.parametrize("change", [{"value": "Nothing"}, {"salt": "00" * 32}])
def test_a_personal_value_that_was_changed_in_the_file_is_named(key, change):
    lines = exported()
    row = json.loads(lines[2])
    row["personal"]["reason"] |= change
    lines[2] = json.dumps(row)
    with pytest.raises(outsider.Wrong, match=r"Line 3: .*its reason"):
        outsider.check_export(lines, key)


def test_an_erased_value_is_no_fault_and_an_added_one_is(key):
    lines = exported()
    row = json.loads(lines[1])
    row["personal"]["reason"] = None
    lines[1] = json.dumps(row)
    assert outsider.check_export(lines, key).proved == 5
    row["personal"]["email"] = None
    lines[1] = json.dumps(row)
    with pytest.raises(outsider.Wrong, match="other personal values"):
        outsider.check_export(lines, key)


@pytest.mark.parametrize(
    ("line", "text", "says"),
    [
        (0, "{}", "first line"),
        (0, "", "first line"),
        (0, '{"checkpoint": null}', "before the log had a checkpoint"),
        (1, "nonsense", "Line 2 is not an entry"),
        (1, "[]", "Line 2 is not an entry"),
        (1, '{"proof": null}', "Line 2 is not an entry"),
    ],
)
def test_what_is_no_export_is_said_to_be_none(key, line, text, says):
    lines = exported()
    lines[line] = text
    with pytest.raises(outsider.Wrong, match=says):
        outsider.check_export(lines, key)
    with pytest.raises(outsider.Wrong, match="first line"):
        outsider.check_export([], key)


def test_a_number_with_a_point_is_none_that_an_entry_can_have(key):
    lines = exported()
    lines[1] = json.dumps(json.loads(lines[1]) | {"details": {"x": 1.5}})
    with pytest.raises(outsider.Wrong, match=r"Line 2: .*number"):
        outsider.check_export(lines, key)


def test_before_the_first_checkpoint_an_export_has_no_proof(db):
    happen(1)
    first, row = map(json.loads, exported())
    assert (first, row["proof"]) == ({"checkpoint": None}, None)


def test_a_row_of_the_table_is_whole_in_itself(key):
    rows = list(csv.DictReader(io.StringIO("".join(exported("csv")))))
    lines = [json.loads(line) for line in exported()[1:]]
    for row, line in zip(rows[:5], lines, strict=False):
        assert json.loads(row["proof"]) == line["proof"]
        assert outsider.open_note(row["checkpoint"], key).size == 5
    assert (rows[5]["proof"], rows[5]["checkpoint"]) == ("", "")


@pytest.mark.parametrize("blank", ["", " ", '"'])
def test_no_cell_begins_a_formula_where_rows_are_split_at_semicolons(db, blank):
    reason = f"Over;{blank}=cmd|' /C calc'!A0;a; b;-1;+1;@x"
    happened = log.record(
        kinds.GRANT_REVOKED, by=log.SYSTEM, on=log.Named("grant:9"), reason=reason
    )
    text = "".join(exported("csv"))
    assert not [cell for cell in text.split(";") if cell.strip(' "\\').startswith(tuple("=+-@"))]
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(text))}
    assert json.loads(rows[str(happened.pk)]["personal"]) == {"reason": reason}


def test_a_longer_export_asks_no_more_of_the_database_for_each_entry(
    key, monkeypatch, django_assert_num_queries
):
    """Some queries for each chunk, however many entries the chunk has."""
    monkeypatch.setattr(exporting, "_CHUNK", 6)
    with django_assert_num_queries(5):  # checkpoint, entries, values, leaves, the tree
        exported()
    for number in range(6, 12):
        happen(number)
    checkpoints.seal()
    with django_assert_num_queries(8):  # each but the first two again, for the second chunk
        exported()


def test_the_script_that_is_handed_out_checks_the_file_that_the_command_makes(key, tmp_path):
    path = tmp_path / "log.jsonl"
    call_command("audit_export", str(path), "--kind", kinds.GRANT_REVOKED)
    command = [sys.executable, "-I", outsider.__file__, "--key", str(key), "--export"]
    ran = subprocess.run([*command, path], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "5 entries are in the log of size 5." in ran.stdout
    assert "1 entries have no proof" in ran.stdout
    forged = tmp_path / "forged.jsonl"
    forged.write_text(path.read_text().replace("grant:3", "grant:4"))
    ran = subprocess.run([*command, forged], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "Line 5: Entry 3" in ran.stderr


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_the_scripts_canonical_form_is_the_logs(value):
    assert outsider.canonical(value) == canonical.canonical(value)
