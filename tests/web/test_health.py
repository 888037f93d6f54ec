import json

import pytest
from django.core.cache import cache

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker(monkeypatch):
    """What answers the ping: a list of replies, empty when no worker listens."""
    replies = [{"worker@host": {"ok": "pong"}}]
    monkeypatch.setattr("celery.app.control.Control.ping", lambda self, **_: replies)
    return replies


def test_healthz_answers_as_long_as_the_process_lives(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/healthz").content == b"ok\n"


def test_readyz_is_true_when_every_part_answers(client, worker):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"database": True, "redis": True, "worker": True},
    )
    assert "no-store" in answer["Cache-Control"]


def test_readyz_names_the_part_that_is_missing_and_leaks_nothing(client, worker, monkeypatch):
    worker.clear()

    def broken(*_args, **_kwargs):
        raise ConnectionError("redis://secret@host refused")

    monkeypatch.setattr(type(cache._connections[cache._alias]), "set", broken)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert json.loads(answer.content) == {"database": True, "redis": False, "worker": False}
    assert b"secret" not in answer.content
