"""A transfer under way says how far it is."""

import socket
import threading

import pytest

from requests_app.distribution.journal import GateClosed
from requests_app.distribution.running import Watcher, watcher
from requests_app.web.accounting import LINE, CountedBlocks, Delivery
from tests.factories.transfers import make_transfer

pytestmark = pytest.mark.django_db


def test_blocks_that_were_taken_are_told_to_whoever_watches(rf, monkeypatch):
    monkeypatch.setattr(Watcher, "_watch", lambda self: None)
    row, request = make_transfer(), rf.get("/")
    request.META[LINE], theirs = socket.socketpair()
    with request.META[LINE], theirs:
        blocks = CountedBlocks(iter([b"a" * 40, b"b" * 60]), Delivery(request, row))
        next(blocks)
        next(blocks)
        watcher().look()
        row.refresh_from_db()
        assert row.bytes_sent == 40, "the second is on its way"
        blocks.close()


def test_what_nobody_can_watch_is_not_sent(rf, monkeypatch):
    def none_left(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("requests_app.distribution.running._of_process", [])
    row, request = make_transfer(), rf.get("/")
    request.META[LINE], theirs = socket.socketpair()
    with request.META[LINE], theirs, monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", none_left)
        with pytest.raises(GateClosed):
            Delivery(request, row)
    row.refresh_from_db()
    assert (row.outcome, row.bytes_sent) == ("broken", 0)
