"""A transfer under way says how far it is."""

import socket

import pytest

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
