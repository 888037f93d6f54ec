import json
from datetime import timedelta

import pytest
import time_machine
from celery.worker.control import Panel
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from requests_app.audit import checkpoints, kinds, log

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker(monkeypatch):
    """What a worker answers: replies, empty when none listens; they tell of the log's key."""
    replies = [{"worker@host": True}]
    monkeypatch.setattr(
        "celery.app.control.Control.broadcast",
        lambda self, command, **_: replies if command == "log_key" else [],
    )
    return replies


def test_healthz_answers_as_long_as_the_process_lives(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/healthz").content == b"ok\n"


READY = {"database": True, "redis": True, "worker": True, "log": True}


def test_readyz_is_true_when_every_part_answers(client, worker):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, READY)
    assert "no-store" in answer["Cache-Control"]


def test_readyz_names_the_part_that_is_missing_and_leaks_nothing(client, worker, monkeypatch):
    worker.clear()

    def broken(*_args, **_kwargs):
        raise ConnectionError("redis://secret@host refused")

    monkeypatch.setattr(type(cache._connections[cache._alias]), "set", broken)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert json.loads(answer.content) == dict.fromkeys(READY, False) | {"database": True}
    assert b"secret" not in answer.content


def test_a_broker_that_cannot_be_reached_is_a_worker_that_is_missing(client, monkeypatch):
    def unreachable(*_args, **_kwargs):
        raise ConnectionError("redis://secret@host refused")

    monkeypatch.setattr("celery.app.control.Control.broadcast", unreachable)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == READY | {"worker": False, "log": False}


@pytest.mark.parametrize("told", [False, None, {"error": "/run/secrets/log_key"}])
def test_a_worker_that_cannot_use_the_logs_key_is_told_and_the_key_is_not(client, worker, told):
    worker[:] = [{"worker@host": told}]
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == READY | {"log": False}
    assert b"secrets" not in answer.content


def test_an_entry_that_waits_too_long_for_a_checkpoint_is_told(client, worker, settings):
    settings.LOG_SECONDS = 2
    with transaction.atomic():
        log.record(kinds.SIGNED_IN, by=log.SYSTEM, on=log.Named("user:7"), method="password")
    for seconds, ready in ((25, True), (35, False)):
        with time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=False):
            assert client.get("/readyz").json() == READY | {"log": ready}
    settings.LOG_SECONDS = 30
    with time_machine.travel(timezone.now() + timedelta(seconds=35), tick=False):
        assert client.get("/readyz").json() == READY
    settings.LOG_SECONDS = 2
    checkpoints.seal()
    with time_machine.travel(timezone.now() + timedelta(days=35), tick=False):
        assert client.get("/readyz").json() == READY


def test_the_worker_tells_whether_the_key_can_be_used_and_nothing_else(settings, tmp_path):
    settings.LOG_KEY_FILE = str(tmp_path / "log.pem")
    assert Panel.data["log_key"](state=None) is False
    (tmp_path / "log.pem").write_text("no key")
    assert Panel.data["log_key"](state=None) is False
    settings.LOG_KEY_FILE = str(settings.VAR_DIR / "keys/log.pem")
    assert Panel.data["log_key"](state=None) is True
