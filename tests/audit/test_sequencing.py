"""Places without a gap and checkpoints that go on from each other, whoever runs the sealer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from cmed_portal.embedded import prepare
from requests_app import conf
from requests_app.audit import (
    checkpoints,
    kept_note,
    kinds,
    log,
    log_key,
    merkle,
    notes,
    outsider,
    sequencing,
    tasks,
    tree,
    verifying,
)
from requests_app.audit.models import Leaf, SignedCheckpoint, TreeNode, Unsequenced
from requests_app.errors import Conflict, Misconfigured

pytestmark = pytest.mark.django_db


def record(count: int = 1) -> None:
    with transaction.atomic():
        for _ in range(count):
            log.record(kinds.SIGNED_IN, by=log.SYSTEM, on=log.Named("user:7"), method="password")


def test_entries_get_places_without_a_gap_in_the_order_they_were_written():
    record(3)
    assert tree.size() == 0
    assert sequencing.sequence() == 3
    record(2)
    assert sequencing.sequence() == 2
    assert sequencing.sequence() == 0
    leaves = Leaf.objects.order_by("place")
    assert [leaf.place for leaf in leaves] == [0, 1, 2, 3, 4]
    assert [leaf.entry_id for leaf in leaves] == sorted(leaf.entry_id for leaf in leaves)
    assert not Unsequenced.objects.exists()
    for leaf in leaves:
        assert bytes(leaf.hash) == merkle.leaf_hash(sequencing.leaf_of(leaf.entry))


def test_batches_of_any_size_grow_the_same_tree(monkeypatch):
    record(600)
    monkeypatch.setattr(sequencing, "BATCH", 97)
    assert sequencing.sequence() == 600
    hashes = Leaf.objects.order_by("place").values_list("hash", flat=True)
    frontier = merkle.Frontier()
    frontier.extend([bytes(each) for each in hashes])
    assert tree.root(600) == frontier.root()
    assert set(TreeNode.objects.values_list("height", "index")) == {(8, 0), (8, 1)}


def test_a_batch_that_fails_changes_nothing(monkeypatch):
    record(3)

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TreeNode.objects, "bulk_create", killed)
        with pytest.raises(KeyboardInterrupt):
            sequencing.sequence()
    assert not Leaf.objects.exists()
    assert sequencing.sequence() == 3


def test_each_checkpoint_is_signed_and_goes_on_from_the_last():
    record(3)
    first = checkpoints.seal()
    assert checkpoints.seal() == first
    record(4)
    second = checkpoints.seal()
    key = outsider.parse_key(second.vkey)
    old, new = outsider.open_note(first.note, key), outsider.open_note(second.note, key)
    assert (old.size, new.size) == (3, 7)
    outsider.check_growth(old, new, tree.consistency(first=3, second=7))
    assert oct(log_key.conf.own_log_key_file().stat().st_mode)[-3:] == "600"


def test_no_checkpoint_is_signed_that_contradicts_the_last(settings, tmp_path):
    record(3)
    last = checkpoints.seal()
    key = log_key.load()
    text = outsider.Checkpoint(conf.log_origin(), 5, bytes(32))
    SignedCheckpoint.objects.create(size=5, note=notes.sign(text, key), vkey=last.vkey)
    record(4)
    sequencing.sequence()
    with pytest.raises(Conflict, match="does not go on from"):
        checkpoints.sign()
    settings.LOG_KEY_FILE = str(tmp_path / "none.pem")
    with pytest.raises(Misconfigured, match="CMED_LOG_KEY_FILE"):
        checkpoints.sign()
    assert SignedCheckpoint.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_writers_and_sealers_at_once_leave_neither_gap_nor_double():
    def write(_: int) -> None:
        for _ in range(10):
            record()
        connection.close()

    def seal(_: int) -> None:
        for _ in range(10):
            checkpoints.seal()
        connection.close()

    with ThreadPoolExecutor(11) as threads:
        list(
            threads.map(
                lambda each: each[0](each[1]),
                [(write, n) for n in range(8)] + [(seal, n) for n in range(3)],
            )
        )
    checkpoints.seal()
    assert list(Leaf.objects.order_by("place").values_list("place", flat=True)) == list(range(80))
    assert len(set(Leaf.objects.values_list("entry_id", flat=True))) == 80
    assert not Unsequenced.objects.exists()


def test_an_older_database_is_not_signed_anew_with_the_same_key():
    with transaction.atomic():
        fill = transaction.savepoint()
        record(3)
        seen = checkpoints.seal()
        transaction.savepoint_rollback(fill)
    record(2)
    with pytest.raises(Conflict, match="shrunk: it had 3 entries, and has 2"):
        checkpoints.seal()
    for _ in range(2):
        record(1)
        with pytest.raises(Conflict, match="first 3 entries are not those that were signed"):
            checkpoints.seal()
    assert kept_note.read() == seen.note
    assert not SignedCheckpoint.objects.exists()


def test_another_name_of_the_log_is_told_with_the_old_one(settings):
    record(1)
    checkpoints.seal()
    record(1)
    old, settings.LOG_ORIGIN = settings.LOG_ORIGIN, "elsewhere.example/log"
    with pytest.raises(Conflict, match=f"of the log {old}, and CMED_LOG_ORIGIN says elsewhere"):
        checkpoints.seal()
    kept_note.file().unlink()
    with pytest.raises(Conflict, match=f"of the log {old}, and CMED_LOG_ORIGIN says elsewhere"):
        checkpoints.seal()


def test_a_new_database_beside_the_key_of_another_log_says_what_to_do():
    kept_note.keep(
        notes.sign(
            outsider.Checkpoint(conf.log_origin(), 7, bytes(32), signed=1_700_000_000),
            log_key.load(),
        )
    )
    record(1)
    with pytest.raises(Conflict) as stopped:
        checkpoints.seal()
    for part in ("holds no checkpoint at all", str(kept_note.file()), "make clean", "together"):
        assert part in stopped.value.message


def test_what_was_signed_and_not_stored_is_stored_before_more_is_signed():
    """A kill between the two; also where it was the first."""
    for size in (2, 4):
        record(2)
        with transaction.atomic():
            before = transaction.savepoint()
            sequencing.sequence()
            placed = transaction.savepoint()
            lost = checkpoints.seal()
            transaction.savepoint_rollback(placed)
            transaction.savepoint_commit(before)
        record(1)
        checkpoints.seal()
        assert SignedCheckpoint.objects.get(size=lost.size).note == lost.note
        assert lost.size >= size
    assert verifying.verify(progress=lambda *_: None).checkpoints == 4


def test_a_kept_note_that_cannot_be_read_stops_the_signing(monkeypatch, tmp_path):
    (tmp_path / "note").write_bytes(b"\xff")
    for unreadable in (tmp_path, tmp_path / "note"):
        monkeypatch.setattr(kept_note, "file", lambda path=unreadable: path)
        record(1)
        with pytest.raises(Misconfigured, match="cannot be read"):
            checkpoints.seal()


def test_a_folder_that_cannot_be_written_is_told_once_and_stops_nothing(
    monkeypatch, tmp_path, caplog
):
    monkeypatch.setattr(kept_note, "file", lambda: tmp_path / "none" / "key.signed")
    for size in (1, 2):
        record(1)
        assert checkpoints.seal().size == size
    assert caplog.text.count("cannot be kept") == 1


def test_the_file_that_the_operator_names_holds_the_note_or_nothing_is_signed(
    monkeypatch, settings, tmp_path
):
    monkeypatch.undo()  # tests have the note kept elsewhere
    settings.LOG_SIGNED_FILE = str(tmp_path / "signed" / "log.signed")
    record(1)
    with pytest.raises(Misconfigured, match="CMED_LOG_SIGNED_FILE"):
        checkpoints.seal()
    assert not SignedCheckpoint.objects.exists()
    (tmp_path / "signed").mkdir()
    assert checkpoints.seal().note == (tmp_path / "signed" / "log.signed").read_text()


def test_beside_the_key_is_where_the_note_is_kept_unless_the_operator_names_a_file(
    monkeypatch, settings, tmp_path
):
    monkeypatch.undo()
    settings.LOG_KEY_FILE = str(tmp_path / "key.pem")
    assert kept_note.file() == tmp_path / "key.pem.signed"
    settings.LOG_SIGNED_FILE = str(tmp_path / "note")
    assert kept_note.file() == tmp_path / "note"


def test_the_task_says_in_a_sentence_why_nothing_was_signed(settings, tmp_path, caplog):
    record(1)
    settings.LOG_KEY_FILE = str(tmp_path / "none.pem")
    tasks.seal()
    assert "none.pem cannot be read" in caplog.text
    assert "Traceback" not in caplog.text


def test_verifying_a_new_database_beside_the_key_of_another_log_says_what_to_do():
    record(1)
    with pytest.raises(outsider.Wrong, match="has been signed yet"):
        verifying.verify(progress=lambda *_: None)
    kept_note.keep("a note")
    with pytest.raises(outsider.Wrong, match=r"holds no checkpoint at all: restore .*`make clean`"):
        verifying.verify(progress=lambda *_: None)


def test_who_starts_the_portal_with_a_new_database_and_an_old_key_is_told(capsys):
    record(1)
    kept_note.keep(notes.sign(outsider.Checkpoint(conf.log_origin(), 7, bytes(32)), log_key.load()))
    prepare.seal_the_log()
    told = capsys.readouterr().err
    assert "holds no checkpoint at all" in told
    assert "make clean" in told
    assert told.count("\n") == 1
    kept_note.file().unlink()
    prepare.seal_the_log()
    assert SignedCheckpoint.objects.count() == 1
    assert not capsys.readouterr().err


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_worker_whose_clock_is_wrong_signs_nothing(monkeypatch, hours):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has the clock of its worker")
    record(1)
    now = timezone.now() + timedelta(hours=hours)
    with monkeypatch.context() as wrong:
        wrong.setattr(checkpoints.timezone, "now", lambda: now)
        with pytest.raises(Misconfigured, match="clocks of the worker and of the database differ"):
            checkpoints.seal()
    assert not SignedCheckpoint.objects.exists()
    assert checkpoints.seal().size == 1
