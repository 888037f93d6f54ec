"""Questions asked at once are asked together; no answer is older than its question."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, transaction

from requests_app.distribution import gathering
from requests_app.distribution.gathering import Gathered
from tests.e2e.person import until

pytestmark = pytest.mark.django_db(transaction=True)


class Database:
    """Answers each number with itself; while `closed` is not set, whoever asks about 0 waits."""

    def __init__(self) -> None:
        self.open, self.rounds = threading.Event(), []

    def __call__(self, about, questions):
        self.rounds.append((about, questions))
        if about == 0:
            assert self.open.wait(10)
        if -1 in questions:
            raise ValueError(about)
        return {each: each for each in questions if each < 100}


@pytest.fixture
def threads():
    with ThreadPoolExecutor(20) as made:
        yield made


def waits(gathered, count):
    until(
        "all of them wait",
        lambda: sum(map(len, gathered._waiting.values())) == count,
        seconds=10,
    )


def held(threads):
    """Somebody who asks about 0, and has no answer yet."""
    database = Database()
    gathered = Gathered(database)
    first = threads.submit(gathered.answer, 0, 1)
    until("the first asks", lambda: database.rounds == [(0, [1])], seconds=10)
    return database, gathered, first


def test_who_comes_meanwhile_is_asked_for_together_and_each_once(threads):
    database, gathered, first = held(threads)
    others = [threads.submit(gathered.answer, 0, n % 5) for n in range(15)]
    waits(gathered, 15)
    database.open.set()
    assert [each.result() for each in others] == [n % 5 for n in range(15)]
    assert first.result() == 1
    assert [sorted(questions) for _, questions in database.rounds] == [[1], [0, 1, 2, 3, 4]]


def test_about_something_else_nobody_waits(threads):
    database, gathered, first = held(threads)
    assert gathered.answer(1, 7) == 7
    assert not first.done()
    database.open.set()


def test_what_has_no_answer_is_none(threads):
    database, gathered, first = held(threads)
    nobody, somebody = (threads.submit(gathered.answer, 0, n) for n in (100, 2))
    waits(gathered, 2)
    database.open.set()
    assert (nobody.result(), somebody.result(), first.result()) == (None, 2, 1)


def test_an_error_is_raised_by_all_who_asked_together_and_by_nobody_else(threads):
    database, gathered, first = held(threads)
    together = [threads.submit(gathered.answer, 0, n) for n in (-1, 2)]
    waits(gathered, 2)
    database.open.set()
    for each in together:
        with pytest.raises(ValueError, match="0"):
            each.result()
    assert first.result() == 1
    assert gathered.answer(0, 3) == 3


def test_nothing_is_kept(threads):
    database = Database()
    database.open.set()
    gathered = Gathered(database)
    asked = [threads.submit(gathered.answer, n % 3, n) for n in range(99)]
    assert [each.result() for each in asked] == list(range(99))
    assert gathered._waiting == {}
    assert gathered.answer(0, 1) == 1
    assert database.rounds[-1] == (0, [1]), "it is asked again, every time"


def test_in_a_transaction_it_is_asked_alone(threads):
    database, gathered, first = held(threads)
    with transaction.atomic():
        database.open.set()
        assert gathered.answer(0, 2) == 2
    assert (0, [2]) in database.rounds
    assert first.result() == 1


def test_who_waits_for_one_that_hangs_gives_up_and_holds_up_nobody(threads, monkeypatch):
    database, gathered, first = held(threads)
    monkeypatch.setattr(gathering, "PATIENCE", 0.05)
    for _ in range(2):
        with pytest.raises(OperationalError, match="too long"):
            gathered.answer(0, 2)
    monkeypatch.undo()
    last = threads.submit(gathered.answer, 0, 3)
    waits(gathered, 1)
    database.open.set()
    assert (last.result(10), first.result(10)) == (3, 1)
    assert gathered._waiting == {}
    assert (0, [3]) in database.rounds, "nobody asks for those who are gone"


def test_who_is_interrupted_when_it_is_to_lead_hands_that_on(threads, monkeypatch):
    """As a signal does, or what ends a green thread, at the worst moment."""
    database, gathered, first = held(threads)

    class Interrupted:
        def __init__(self) -> None:
            self.called = threading.Event()

        def acquire(self, **_):
            assert self.called.wait(10)
            raise KeyboardInterrupt

        def release(self) -> None:
            self.called.set()

    class Waiting(gathering._Waiting):
        def __init__(self, question) -> None:
            super().__init__(question)
            self.wake = Interrupted()

    with monkeypatch.context() as changed:
        changed.setattr(gathering, "_Waiting", Waiting)
        gone = threads.submit(gathered.answer, 0, 2)
        waits(gathered, 1)
    last = threads.submit(gathered.answer, 0, 3)
    waits(gathered, 2)
    database.open.set()
    assert (last.result(10), first.result(10)) == (3, 1)
    assert isinstance(gone.exception(10), KeyboardInterrupt)
    assert gathered._waiting == {}
