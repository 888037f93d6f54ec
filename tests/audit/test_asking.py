"""The sealer is asked for when entries are committed: at once, seldom, and by no deed itself."""

import queue as waiting_line
import threading

import pytest
from django.db import transaction

from requests_app.audit import asking, kinds, log
from requests_app.audit.asking import ask  # itself: the suite puts nothing in its place here
from requests_app.audit.models import Entry


@pytest.fixture
def sent(monkeypatch):
    """What reaches the broker."""
    sent: waiting_line.SimpleQueue[dict[str, object]] = waiting_line.SimpleQueue()
    monkeypatch.setattr(
        "celery.canvas.Signature.apply_async",
        lambda self, **options: sent.put({"task": self.task, **options}),
    )
    monkeypatch.setattr(asking, "PAUSE", 0.2)
    return sent


@pytest.fixture
def asked(sent, monkeypatch):
    """The same, with an asker that only this test uses."""
    asker = asking.Asker()
    monkeypatch.setattr(asking, "ask", asker.ask)
    yield sent
    asker.close()


def record() -> None:
    log.record(kinds.SIGNED_IN, by=log.SYSTEM, on=log.Named("user:7"), method="password")


@pytest.mark.django_db(transaction=True)
def test_a_commit_asks_for_the_sealer_and_a_rollback_does_not(asked):
    with transaction.atomic():
        record()
        transaction.set_rollback(True)
    with transaction.atomic():
        record()
        assert asked.empty()
    ask = asked.get(timeout=10)
    assert (ask["task"], ask["retry"], ask["expires"]) == ("audit.seal", False, 0.4)


@pytest.mark.django_db(transaction=True)
def test_many_commits_ask_once_and_once_more_after_a_pause(asked):
    for _ in range(50):
        with transaction.atomic():
            record()
    asked.get(timeout=10)
    with transaction.atomic():
        record()
    asked.get(timeout=10)
    assert asked.qsize() < 10


@pytest.mark.django_db(transaction=True)
def test_a_deed_does_not_wait_for_the_broker(asked, monkeypatch):
    answers, reached = threading.Event(), threading.Event()

    def slow(self, **options):
        reached.set()
        answers.wait(20)
        raise OSError("no route to host")

    monkeypatch.setattr("celery.canvas.Signature.apply_async", slow)
    for _ in range(2):
        with transaction.atomic():
            record()
        assert reached.wait(10)
    assert Entry.objects.count() == 2
    assert not answers.is_set()
    answers.set()


def test_a_fork_asks_from_a_thread_of_its_own(sent, monkeypatch):
    parents = asking.Asker()
    parents.process = -1
    monkeypatch.setattr(asking, "_of_process", [parents])
    for _ in range(2):
        ask()
    (asker,) = asking._of_process
    assert asker is not parents
    assert sent.get(timeout=10)["task"] == "audit.seal"
    for each in (parents, asker):
        each.close()
