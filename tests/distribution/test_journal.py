"""Rows are durable before bytes flow, many in one commit; ends that fail close the gate."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import pytest
from django.db import DatabaseError, DataError, OperationalError, connection, transaction

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution import journal as room
from requests_app.distribution.journal import GateClosed, Journal
from requests_app.distribution.settling import Ending
from requests_app.distribution.transfers import DailyUse, Outcome, Transfer
from tests.e2e.person import until
from tests.factories.distribution import make_access_token, make_link
from tests.factories.transfers import make_transfer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def journal(monkeypatch) -> Iterator[Journal]:
    monkeypatch.setattr(room, "RETRY", 0.01)
    monkeypatch.setattr(room, "LEISURE", 0.01)
    made = Journal()
    yield made
    made.close()


def unwritten(credential=None) -> Transfer:
    """A transfer that is in no table yet."""
    transfer = make_transfer(credential)
    Transfer.objects.filter(pk=transfer.pk).delete()
    transfer._state.adding = True
    return transfer


def begun_elsewhere(journal: Journal, transfer: Transfer) -> None:
    """As a request does whose thread ends."""
    try:
        journal.begin(transfer)
    finally:
        connection.close()


def whole(transfer: Transfer) -> Ending:
    return Ending(transfer.pk, 100, Outcome.COMPLETE)


def entered() -> int:
    return Entry.objects.filter(kind=kinds.FILE_DOWNLOADED).count()


def test_when_it_has_begun_its_row_is_committed(journal):
    transfer = unwritten()
    journal.begin(transfer)
    assert Transfer.objects.get().pk == transfer.pk


def test_many_at_once_are_few_commits(journal, monkeypatch):
    batches = []
    write = room._write
    monkeypatch.setattr(room, "_write", lambda begun: batches.append(len(begun)) or write(begun))
    link, _ = make_link()
    transfers = [unwritten(link) for _ in range(40)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(begun_elsewhere, repeat(journal), transfers))
    assert Transfer.objects.count() == sum(batches) == 40


def test_a_row_that_cannot_be_written_is_told_to_who_waits(journal, monkeypatch):
    def full(begun):
        raise OperationalError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(room, "_write", full)
        with pytest.raises(OperationalError):
            journal.begin(unwritten())
    journal.begin(unwritten())


def test_a_row_that_the_database_refuses_fails_alone(journal, monkeypatch):
    write = room._write

    def some(begun):
        if any(each.name == "refused" for each in begun):
            raise DataError("no such text")
        write(begun)

    monkeypatch.setattr(room, "_write", some)
    begun = [unwritten() for _ in range(4)]
    begun[1].name = "refused"
    assert room._write_all(begun).keys() == {begun[1]}
    assert Transfer.objects.count() == 3
    with pytest.raises(DataError):
        journal.begin(begun[1])


def test_a_row_that_cannot_even_be_said_fails_alone(journal):
    """Half a surrogate pair is refused before the database sees it."""
    begun = [unwritten() for _ in range(3)]
    begun[1].user_agent = "\udc80"
    assert room._write_all(begun).keys() == {begun[1]}
    assert Transfer.objects.count() == 2


@pytest.mark.parametrize("answers_again", [True, False])
def test_a_row_committed_by_a_database_that_went_then_is_settled(
    journal, monkeypatch, answers_again
):
    write, unsaid, transfer = room._write, [True], unwritten()

    def gone(begun):
        if unsaid:
            write(begun)
            unsaid.clear()
            raise OperationalError("the server closed the connection unexpectedly")
        if not answers_again:
            raise OperationalError("the database system is starting up")
        write(begun)

    monkeypatch.setattr(room, "_write", gone)
    with pytest.raises(DatabaseError):
        journal.begin(transfer)
    journal.close()
    assert Transfer.objects.get().outcome == Outcome.NOTHING
    assert not DailyUse.objects.exists()
    assert entered() == 0


def test_inside_a_transaction_nothing_is_waited_for(journal):
    """Who has SQLite's lock must not wait for a thread that waits for that lock."""
    transfer = unwritten()

    def begin() -> None:
        with transaction.atomic():
            journal.begin(transfer)
        connection.close()

    with room._one_writer, ThreadPoolExecutor(1) as threads:
        begun = threads.submit(begin)
        try:
            begun.result(10)
        finally:
            room._one_writer.release()
            begun.exception(10)
            room._one_writer.acquire()
    assert Transfer.objects.count() == 1


def test_inside_a_transaction_the_row_is_part_of_it(journal):
    transfer = unwritten()
    with transaction.atomic():
        journal.begin(transfer)
        transaction.set_rollback(True)
    assert not Transfer.objects.exists()


def test_ends_are_entered_soon_and_at_the_latest_when_it_closes(journal):
    transfer = unwritten()
    journal.begin(transfer)
    journal.end(whole(transfer))
    journal.close()
    assert entered() == 1


def test_a_row_is_written_while_ends_are_being_entered(journal, monkeypatch):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer")
    entering, begun = threading.Event(), threading.Event()

    def slow(ended):
        entering.set()
        assert begun.wait(10)
        return settle(ended)

    settle = room.settle
    monkeypatch.setattr(room, "settle", slow)
    transfer = unwritten()
    journal.begin(transfer)
    journal.end(whole(transfer))
    assert entering.wait(10)
    journal.begin(unwritten())
    begun.set()
    journal.close()
    assert entered() == 1


def test_it_ends_although_the_last_cannot_be_entered(journal, monkeypatch):
    def full(ended):
        raise DatabaseError("disk full")

    transfer = unwritten()
    journal.begin(transfer)
    monkeypatch.setattr(room, "settle", full)
    journal.end(whole(transfer))
    journal.close()
    assert not journal._settler.is_alive()


@pytest.mark.parametrize("error", [DatabaseError("disk full"), SystemExit()])
def test_what_cannot_be_entered_closes_the_gate_until_it_can(journal, monkeypatch, error):
    def full(ended):
        raise error

    transfer, next_one = unwritten(), unwritten()
    journal.begin(transfer)
    with monkeypatch.context() as broken:
        broken.setattr(room, "settle", full)
        journal.end(whole(transfer))
        until("the gate is closed", lambda: journal._failing, seconds=10)
        with pytest.raises(GateClosed):
            journal.begin(next_one)
    until("the gate is open", lambda: not journal._failing, seconds=10)
    journal.begin(next_one)
    assert entered() == 1


def test_while_settling_hangs_the_gate_is_closed(journal, monkeypatch):
    hangs, goes_on = threading.Event(), threading.Event()
    settle = room.settle

    def hang(ended):
        hangs.set()
        assert goes_on.wait(10)
        return settle(ended)

    first, next_one = unwritten(), unwritten()
    journal.begin(first)
    monkeypatch.setattr(room, "settle", hang)
    journal.end(whole(first))
    assert hangs.wait(10)
    with monkeypatch.context() as hasty:
        hasty.setattr(room, "PATIENCE", 0.0)
        with pytest.raises(GateClosed):
            journal.begin(next_one)
    goes_on.set()
    until("the end is entered", lambda: journal._waits_since is None, seconds=10)
    monkeypatch.setattr(room, "PATIENCE", 0.0)
    journal.begin(next_one)
    assert entered() == 1


def test_without_a_thread_to_settle_nothing_begins(journal, monkeypatch):
    def none_left(self):
        raise RuntimeError("can't start new thread")

    transfer = unwritten()
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", none_left)
        with pytest.raises(GateClosed):
            journal.begin(transfer)
        assert not Transfer.objects.exists()
        journal.end(whole(transfer))  # of one that began when there was
    journal.begin(transfer)
    journal.close()
    assert entered() == 1


def test_a_thread_that_has_died_is_replaced(journal, monkeypatch):
    first, next_one = unwritten(), unwritten()
    with monkeypatch.context() as broken:
        broken.setattr(journal, "_work", lambda: None)
        journal.begin(first)
        journal.end(whole(first))
        journal._settler.join(10)
    journal.begin(next_one)
    journal.close()
    assert entered() == 1


def test_a_token_s_last_use_is_kept(journal):
    token, _ = make_access_token()
    journal.begin(unwritten(token))
    token.refresh_from_db()
    assert token.last_used_at is not None


def test_a_closed_journal_is_replaced():
    first = room.journal()
    first.close()
    second = room.journal()
    assert second is not first
    second.close()
    connection.close()
