import re
from pathlib import Path

import pytest
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from requests_app import queue

SOURCES = Path(queue.__file__).parent.rglob("*.py")


def test_every_queued_name_is_a_task():
    queued = {
        name
        for path in SOURCES
        for name in re.findall(r'(?:enqueue|hint)\(\s*"([^"]+)"', path.read_text())
    } - {"room.verb"}
    assert queued
    assert queued <= set(current_app.tasks)


@pytest.fixture
def sent(monkeypatch):
    calls = []
    monkeypatch.setattr(
        "celery.canvas.Signature.apply_async", lambda self, **_: calls.append(dict(self.kwargs))
    )
    return calls


@pytest.mark.django_db(transaction=True)
def test_nothing_is_queued_for_a_deed_that_was_rolled_back(sent):
    with transaction.atomic():
        queue.enqueue("notifications.deliver", message_id="1")
        transaction.set_rollback(True)
    assert sent == []
    with transaction.atomic():
        queue.enqueue("notifications.deliver", message_id="2")
        assert sent == []
    assert sent == [{"message_id": "2"}]


@pytest.mark.django_db(transaction=True)
def test_a_broken_broker_does_not_undo_the_deed(monkeypatch, caplog):
    def broken(self, **_):
        raise OperationalError("connection refused")

    monkeypatch.setattr("celery.canvas.Signature.apply_async", broken)
    with transaction.atomic():
        queue.enqueue("notifications.deliver", message_id="1")
    assert "left to the sweep" in caplog.text


def test_nobody_waits_for_a_broker_that_is_away(monkeypatch):
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _: pytest.fail("it waits"))
    with (
        current_app.connection_for_write("redis://127.0.0.1:1/0") as away,
        pytest.raises(OperationalError),
    ):
        assert away.default_channel
