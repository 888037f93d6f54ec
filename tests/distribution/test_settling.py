"""Every transfer becomes one entry that tells what really happened, whoever settles it."""

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from requests_app.audit import kinds, log
from requests_app.audit.models import Entry, PersonalValue
from requests_app.distribution.policy import DownloadPolicy
from requests_app.distribution.settling import Ending, settle, settle_left_behind
from requests_app.distribution.transfers import (
    LONGEST,
    SILENT,
    SMALL,
    DailyUse,
    How,
    Outcome,
    Transfer,
    left_behind,
)
from requests_app.distribution.usage import use_of
from tests.factories.distribution import make_access_token, make_link
from tests.factories.transfers import make_transfer

pytestmark = pytest.mark.django_db


def entries() -> list[Entry]:
    return list(Entry.objects.filter(kind=kinds.FILE_DOWNLOADED).order_by("pk"))


def whole(transfer: Transfer) -> Ending:
    return Ending(transfer.pk, transfer.promised, Outcome.COMPLETE)


def test_the_entry_says_who_fetched_what_and_how_it_ended():
    transfer = make_transfer()
    assert settle([Ending(transfer.pk, 60, Outcome.BROKEN)]) == 1
    entry = entries()[0]
    assert entry.actor == transfer.grant.applicant.audit_ref
    assert entry.trail == transfer.grant.audit_trail
    assert entry.details == {
        "transfer": str(transfer.pk),
        "link": str(transfer.link_id),
        "release": "1.0",
        "path": "clips/001.mp4",
        "sha256": "0" * 64,
        "range": "",
        "status": 200,
        "promised": 100,
        "bytes": 60,
        "outcome": "broken",
        "how": "portal",
        "started_at": transfer.started_at.isoformat(),
    }
    kept = PersonalValue.objects.filter(entry=entry).values_list("field", "value")
    assert dict(kept) == {"ip": "192.0.2.7", "user_agent": "wget"}


def test_a_token_stands_where_a_link_would():
    token, _ = make_access_token()
    settle([whole(make_transfer(token))])
    details = entries()[0].details
    assert (details["token"], "link" in details) == (str(token.pk), False)


def test_whoever_comes_second_writes_nothing():
    transfer = make_transfer()
    assert [settle([whole(transfer)]), settle([whole(transfer)])] == [1, 0]
    assert (len(entries()), DailyUse.objects.get().bytes) == (1, 100)


@pytest.mark.parametrize("count", [2, 60])
def test_thousands_cost_as_few_queries_as_two(django_assert_max_num_queries, count):
    link, _ = make_link()
    transfers = [make_transfer(link) for _ in range(count)]
    with django_assert_max_num_queries(14):
        assert settle([whole(transfer) for transfer in transfers]) == count
    assert len(entries()) == count


def test_what_cannot_be_entered_is_not_settled(monkeypatch):
    transfer = make_transfer()

    def full(*args):
        raise DatabaseError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(log, "record_all", full)
        with pytest.raises(DatabaseError):
            settle([whole(transfer)])
    transfer.refresh_from_db()
    assert (transfer.settled_at, DailyUse.objects.count()) == (None, 0)
    assert settle([whole(transfer)]) == 1


def test_many_gigabytes_at_once_are_counted_whole():
    link, _ = make_link()
    settle([whole(make_transfer(link, promised=8_500_000_000)) for _ in range(2)])
    assert DailyUse.objects.get(grant=link.grant).bytes == 17_000_000_000


def test_what_nobody_counted_uses_up_the_day_as_promised():
    link, _ = make_link()
    settle([Ending(make_transfer(link).pk, None, Outcome.HANDED_OUT)])
    settle([Ending(make_transfer(link).pk, 1, Outcome.BROKEN)])
    assert DailyUse.objects.get(grant=link.grant).bytes == 101


def test_a_list_uses_up_nothing_of_a_day():
    link, _ = make_link()
    settle([whole(make_transfer(link, kind=kinds.MANIFEST_DOWNLOADED))])
    make_transfer(link, kind=kinds.MANIFEST_DOWNLOADED, promised=SMALL + 1)
    use = use_of(link.grant, timezone.now())
    assert (use.bytes_today, use.running) == (0, 1)


@pytest.mark.parametrize(("promised", "running"), [(SMALL, 0), (SMALL + 1, 1)])
def test_what_a_line_takes_at_once_is_not_counted_as_running(promised, running):
    link, _ = make_link()
    make_transfer(link, promised=promised)
    assert use_of(link.grant, timezone.now()).running == running


def test_what_is_promised_is_added_up_where_bytes_are_limited(settings):
    link, _ = make_link()
    make_transfer(link)
    for most, promised in ((0, 0), (1000, 100), (2**32, 100)):
        settings.BYTES_PER_DAY = most
        assert use_of(link.grant, timezone.now()).bytes_promised == promised
    DownloadPolicy.objects.create(dataset=link.grant.dataset, bytes_per_day=0)
    assert use_of(link.grant, timezone.now()).bytes_promised == 0


class TestLeftBehind:
    def test_a_transfer_whose_process_fell_silent_is_entered_as_unknown(self):
        lost = make_transfer(seen_at=timezone.now() - SILENT - timedelta(seconds=1))
        running = make_transfer()
        assert list(left_behind()) == [lost]
        assert settle_left_behind(transfer_id=lost.pk)
        assert not settle_left_behind(transfer_id=lost.pk)
        assert not settle_left_behind(transfer_id=running.pk)
        assert [(e.details["outcome"], e.details["bytes"]) for e in entries()] == [
            ("unknown", None)
        ]

    def test_nginx_is_given_days(self):
        silent = timezone.now() - SILENT * 2
        make_transfer(how=How.NGINX, seen_at=silent, started_at=silent)
        lost = make_transfer(how=How.NGINX, started_at=timezone.now() - LONGEST * 2)
        assert list(left_behind()) == [lost]
