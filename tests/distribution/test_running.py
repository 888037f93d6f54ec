"""What runs is vouched for, and told as far as its process knows."""

import socket
import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from requests_app.distribution import nginx_log
from requests_app.distribution.nginx_log import RELOAD
from requests_app.distribution.running import Watcher
from requests_app.distribution.settling import Ending, settle
from requests_app.distribution.transfers import How, Outcome, Transfer
from tests.factories.distribution import make_link
from tests.factories.transfers import make_transfer

pytestmark = pytest.mark.django_db


@pytest.fixture
def line():
    ours, theirs = socket.socketpair()
    yield ours
    ours.close()
    theirs.close()


@pytest.fixture
def watcher(monkeypatch):
    monkeypatch.setattr(Watcher, "_watch", lambda self: None)
    return Watcher()


def test_each_row_is_told_how_far_its_own_transfer_is(watcher, line, django_assert_num_queries):
    link, long_ago = make_link()[0], timezone.now() - timedelta(hours=1)
    rows = [make_transfer(link, seen_at=long_ago) for _ in range(3)]
    sending = [watcher.add(row, line) for row in rows]
    sending[0].sent, sending[1].sent = 17_000_000_000, 7
    with django_assert_num_queries(2):
        watcher.look()
    for row in rows:
        row.refresh_from_db()
        assert row.seen_at > long_ago
    assert [row.bytes_sent for row in rows] == [17_000_000_000, 7, None]


def test_what_has_ended_meanwhile_keeps_what_was_entered(watcher, line):
    row = make_transfer()
    watcher.add(row, line).sent = 40
    settle([Ending(row.pk, 100, Outcome.COMPLETE)])
    watcher.look()
    row.refresh_from_db()
    assert row.bytes_sent == 100


def test_a_process_that_dies_has_told_nothing_for_certain(watcher, line):
    """How far it came is for those who watch; its entry says that nobody knows."""
    row = make_transfer()
    watcher.add(row, line).sent = 40
    watcher.look()
    settle([Ending(row.pk, None, Outcome.UNKNOWN)])
    row.refresh_from_db()
    assert row.bytes_sent is None


class TestWhatNginxSends:
    @pytest.fixture(autouse=True)
    def folder(self, settings, tmp_path):
        settings.NGINX_DIR = str(tmp_path)
        return tmp_path

    def test_nginx_is_asked_to_cut_what_may_not_go_on(self, watcher, folder):
        transfer = make_transfer(how=How.NGINX)
        watcher.watch_nginx()
        watcher.look_at_nginx()
        assert not (folder / RELOAD).exists()
        transfer.grant.revoked_at = timezone.now() - timedelta(seconds=1)
        transfer.grant.save()
        watcher.look_at_nginx()
        assert (folder / RELOAD).exists()

    def test_while_it_sends_nothing_nobody_asks(self, watcher, django_assert_num_queries):
        watcher.watch_nginx()
        watcher.look_at_nginx()
        with django_assert_num_queries(0):
            watcher.look_at_nginx()
        make_transfer(how=How.NGINX)
        watcher.watch_nginx()
        for _ in range(2):
            with django_assert_num_queries(3):
                watcher.look_at_nginx()

    def test_of_two_who_look_one_asks(self, folder, monkeypatch):
        transfer = make_transfer(how=How.NGINX, started_at=timezone.now() - timedelta(hours=1))
        transfer.grant.revoked_at = timezone.now() - timedelta(seconds=1)
        transfer.grant.save()
        found = nginx_log.credentials_in_force

        def another_is_first(*asked):
            Transfer.objects.update(cut_at=timezone.now())
            return found(*asked)

        monkeypatch.setattr(nginx_log, "credentials_in_force", another_is_first)
        assert nginx_log.cut_what_may_not_go_on() == 0
        assert not (folder / RELOAD).exists()


class TestTheThread:
    def test_one_that_has_died_is_replaced(self, watcher, line):
        watcher.add(make_transfer(), line)
        first = watcher._thread
        first.join(10)
        watcher.add(make_transfer(), line)
        assert watcher._thread is not first

    def test_nothing_that_goes_wrong_ends_it(self, monkeypatch, line):
        looks = threading.Semaphore(0)

        class Broken(Watcher):
            def look(self):
                looks.release()
                raise RuntimeError("nobody thought of this")

        monkeypatch.setattr("requests_app.distribution.running.EVERY", 0.01)
        broken = Broken()
        sending = broken.add(make_transfer(), line)
        assert all(looks.acquire(timeout=10) for _ in range(3))
        broken.remove(sending)
