"""What nginx logs becomes entries, once, over rotation; what may not go on is asked to end."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution import nginx_log
from requests_app.distribution.nginx_log import LOG, RELOAD, ROTATED, STARTED
from requests_app.distribution.transfers import How, Outcome, Transfer
from tests.factories.transfers import make_transfer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path) -> Path:
    settings.NGINX_DIR = str(tmp_path)
    return tmp_path


def line(transfer: Transfer, sent: int = 100, completion: str = "OK", **more: str) -> str:
    told = {"transfer": str(transfer.pk), "status": "200", "sent": str(sent), "range": ""}
    return json.dumps(told | {"completion": completion} | more) + "\n"


def append(file: Path, text: str) -> None:
    with file.open("a") as out:
        out.write(text)


def entered() -> list[tuple[str, int, str, str]]:
    found = Entry.objects.filter(kind=kinds.FILE_DOWNLOADED).order_by("pk")
    return [
        (e.details["transfer"], e.details["bytes"], e.details["outcome"], e.details["how"])
        for e in found
    ]


def test_where_nginx_wrote_nothing_there_is_nothing_to_do(settings):
    assert nginx_log.follow() == 0
    settings.NGINX_DIR = ""
    assert nginx_log.follow() == 0


def test_each_end_is_entered_once_as_nginx_tells_it(folder):
    whole, broken, part = (make_transfer(how=How.NGINX) for _ in range(3))
    append(folder / LOG, line(whole) + line(broken, sent=7, completion=""))
    assert nginx_log.follow() == 2
    assert nginx_log.follow() == 0
    append(folder / LOG, line(part, sent=10, status="206", range="bytes 0-9/100"))
    assert nginx_log.follow() == 1
    assert entered() == [
        (str(whole.pk), 100, "complete", "nginx"),
        (str(broken.pk), 7, "broken", "nginx"),
        (str(part.pk), 10, "complete", "nginx"),
    ]
    last = Entry.objects.filter(kind=kinds.FILE_DOWNLOADED).latest("pk")
    assert (last.details["status"], last.details["range"]) == (206, "bytes 0-9/100")


def test_a_log_may_have_the_largest_of_inodes(folder, monkeypatch):
    def with_large_inodes(look):
        def stat(*args, **options):
            mode, _, *more = look(*args, **options)
            return os.stat_result((mode, 2**64 - 1, *more))

        return stat

    monkeypatch.setattr(Path, "stat", with_large_inodes(Path.stat))
    monkeypatch.setattr(os, "fstat", with_large_inodes(os.fstat))
    append(folder / LOG, line(make_transfer(how=How.NGINX)))
    assert nginx_log.follow() == 1
    append(folder / LOG, line(make_transfer(how=How.NGINX)))
    assert nginx_log.follow() == 1


def test_a_line_is_read_when_it_is_whole(folder):
    text = line(make_transfer(how=How.NGINX))
    append(folder / LOG, text[:40])
    assert nginx_log.follow() == 0
    append(folder / LOG, text[40:])
    assert nginx_log.follow() == 1


def test_a_page_that_says_why_not_is_no_byte_of_the_file(folder):
    transfer = make_transfer(how=How.NGINX)
    append(folder / LOG, line(transfer, sent=100, status="404"))
    assert nginx_log.follow() == 1
    assert entered() == [(str(transfer.pk), 0, "broken", "nginx")]


def test_answers_without_bytes_settle_and_are_no_download(folder):
    transfer = make_transfer(how=How.NGINX)
    append(folder / LOG, line(transfer, sent=0, status="304"))
    assert nginx_log.follow() == 1
    transfer.refresh_from_db()
    assert (transfer.outcome, entered()) == (Outcome.NOTHING, [])


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        '{"transfer":"6b0754c5-0000-4000-8000-000000000000","status":"200","sent":"-1","completion":"OK","range":""}',
        '{"transfer":"6b0754c5-0000-4000-8000-000000000000","status":"206","sent":"1","completion":"OK","range":"\\u0000"}',
        "GET / 200",
        "{}",
        "[]",
        '{"transfer":"","status":"200","sent":"1","completion":"OK"}',
    ],
)
def test_a_line_that_is_none_of_ours_is_passed_over(folder, nonsense):
    append(folder / LOG, f"{nonsense}\n{line(make_transfer(how=How.NGINX))}")
    assert nginx_log.follow() == 1


def test_a_renamed_log_is_read_to_its_end_and_removed_once_it_is_still(folder):
    before, late, after = (make_transfer(how=How.NGINX) for _ in range(3))
    append(folder / LOG, line(before))
    assert nginx_log.follow() == 1
    (folder / LOG).rename(folder / ROTATED)
    append(folder / LOG, line(after))
    append(folder / ROTATED, line(late))
    assert nginx_log.follow() == 2, "an old worker may write to it still"
    assert [pk for pk, *_ in entered()] == [str(each.pk) for each in (before, late, after)]
    append(folder / ROTATED, line(later := make_transfer(how=How.NGINX)))
    assert nginx_log.follow() == 1
    assert entered()[-1][0] == str(later.pk)


def test_a_log_renamed_before_the_next_is_begun_keeps_its_place(folder):
    append(folder / LOG, line(make_transfer(how=How.NGINX)))
    nginx_log.follow()
    (folder / LOG).rename(folder / ROTATED)
    assert nginx_log.follow() == 0
    append(folder / LOG, line(make_transfer(how=How.NGINX)))
    assert nginx_log.follow() == 1
    assert len(entered()) == 2


@pytest.mark.django_db(transaction=True)
def test_what_was_read_is_removed_when_that_is_committed(folder):
    append(folder / LOG, line(make_transfer(how=How.NGINX)))
    nginx_log.follow()
    (folder / LOG).rename(folder / ROTATED)
    append(folder / LOG, "")
    nginx_log.follow()
    assert (folder / ROTATED).exists(), "an old worker may write to it still"
    os.utime(folder / ROTATED, (0, 0))
    nginx_log.follow()
    assert not (folder / ROTATED).exists()
    append(folder / LOG, line(make_transfer(how=How.NGINX)))
    assert nginx_log.follow() == 1


@pytest.mark.django_db(transaction=True)
def test_a_log_that_nginx_goes_on_with_stays(folder):
    append(folder / LOG, line(make_transfer(how=How.NGINX)))
    (folder / LOG).rename(folder / ROTATED)
    for _ in range(2):
        nginx_log.follow()
        os.utime(folder / ROTATED, (0, 0))
    append(folder / ROTATED, line(make_transfer(how=How.NGINX)))
    assert nginx_log.follow() == 1


def test_a_log_emptied_in_place_is_begun_anew(folder):
    append(folder / LOG, line(make_transfer(how=How.NGINX)) * 3)
    nginx_log.follow()
    (folder / LOG).write_text(line(make_transfer(how=How.NGINX)))
    assert nginx_log.follow() == 1


def test_what_a_killed_nginx_was_sending_is_settled_when_another_is_started(folder):
    told, lost, new = (make_transfer(how=How.NGINX) for _ in range(3))
    append(folder / LOG, line(told))
    (folder / STARTED).touch()
    Transfer.objects.filter(pk=new.pk).update(started_at=timezone.now() + timedelta(minutes=1))
    assert nginx_log.follow() == 2
    assert entered() == [
        (str(told.pk), 100, "complete", "nginx"),
        (str(lost.pk), None, "unknown", "nginx"),
    ]


def test_a_clock_that_was_set_back_does_not_end_what_runs(folder):
    running = make_transfer(how=How.NGINX)
    (folder / STARTED).touch()
    ahead = (timezone.now() + timedelta(hours=2)).timestamp()
    os.utime(folder / STARTED, (ahead, ahead))
    assert nginx_log.follow() == 0
    later = timezone.now() + timedelta(hours=3)
    with time_machine.travel(later):
        assert nginx_log.follow() == 0
        running.grant.revoked_at = timezone.now() - timedelta(seconds=1)
        running.grant.save()
        assert nginx_log.cut_what_may_not_go_on() == 1
        os.utime(folder / STARTED, (later.timestamp(), later.timestamp()))  # another is started
        assert nginx_log.follow() == 1


def test_the_number_of_a_file_may_fill_64_bits(folder, monkeypatch):
    class Far:
        def __init__(self, found):
            self.st_ino, self.st_size = 2**64 - 1 - found.st_ino, found.st_size
            self.st_mtime = found.st_mtime

    stat, fstat = Path.stat, os.fstat
    monkeypatch.setattr(Path, "stat", lambda file, **how: Far(stat(file, **how)))
    monkeypatch.setattr(os, "fstat", lambda file: Far(fstat(file)))
    append(folder / LOG, line(make_transfer(how=How.NGINX)))
    assert nginx_log.follow() == 1
    (folder / LOG).rename(folder / ROTATED)
    append(folder / LOG, line(make_transfer(how=How.NGINX)))
    assert nginx_log.follow() == 1


def test_without_room_for_its_log_there_is_none(folder, settings, monkeypatch):
    assert nginx_log.has_room()
    disk = os.statvfs(folder)
    left = [*disk]
    left[4] = 0  # f_bavail
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(left))
    assert not nginx_log.has_room()
    settings.NGINX_DIR = str(folder / "none")
    monkeypatch.undo()
    assert not nginx_log.has_room()
    settings.NGINX_DIR = ""
    assert nginx_log.has_room()


class TestCutting:
    def test_nginx_is_asked_once_for_what_may_not_go_on(self, folder):
        transfer, other = make_transfer(how=How.NGINX), make_transfer(how=How.NGINX)
        assert nginx_log.cut_what_may_not_go_on() == 0
        assert not (folder / RELOAD).exists()
        transfer.grant.revoked_at = timezone.now() - timedelta(seconds=1)
        transfer.grant.save()
        assert nginx_log.cut_what_may_not_go_on() == 1
        asked = (folder / RELOAD).read_text()
        assert nginx_log.cut_what_may_not_go_on() == 0
        assert (folder / RELOAD).read_text() == asked
        append(folder / LOG, line(transfer, sent=5, completion="") + line(other))
        nginx_log.follow()
        assert [(sent, outcome) for _, sent, outcome, _ in entered()] == [
            (5, "cut"),
            (100, "complete"),
        ]

    @pytest.mark.parametrize("how", [How.PORTAL, How.STORE])
    def test_only_for_what_nginx_sends(self, folder, how):
        transfer = make_transfer(how=how)
        transfer.grant.revoked_at = timezone.now() - timedelta(seconds=1)
        transfer.grant.save()
        assert nginx_log.cut_what_may_not_go_on() == 0
