"""What a real gunicorn sends is what is entered: whole, broken off, cut off, or killed."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.accounts import entered, restore, revoke, rows, work
from tests.e2e.person import until
from tests.e2e.portal import free_port
from tests.e2e.servers import answers, gunicorn, made_world, workers_of

pytestmark = pytest.mark.processes
LARGE = 200_000_000
AT_ONCE = 6
"""Of eight threads."""
UNSETTLED = "SELECT id FROM requests_app_transfer WHERE settled_at IS NULL"


@dataclass(frozen=True)
class Portal:
    """A gunicorn with one worker, its database, and what it serves."""

    process: "subprocess.Popen[bytes]"
    environment: dict[str, str]
    database: Path
    base: str
    world: dict[str, Any]

    @property
    def large(self) -> str:
        return f"{self.base}/d/{self.world['large_token']}/files/large.mp4"

    def worker(self) -> int:
        return workers_of(self.process)[0]

    def last(self, count: int) -> dict[str, Any]:
        """The entry that comes after `count` others."""
        until("the entry", lambda: len(entered(self.database)) > count, seconds=15)
        return entered(self.database)[count]


@pytest.fixture(scope="module")
def portal(tmp_path_factory, migrated) -> Iterator[Portal]:
    var, port = tmp_path_factory.mktemp("accounting"), free_port()
    migrated(var)
    base = f"http://127.0.0.1:{port}"
    environment, world = made_world(var, base, PORTAL_DOWNLOADS=str(AT_ONCE))
    with gunicorn(port, environment, threads=8) as process:
        yield Portal(process, environment, var / "portal.sqlite3", base, world)


@pytest.fixture
def before(portal) -> int:
    return len(entered(portal.database))


def test_a_whole_file_is_entered_with_all_its_bytes(portal, before):
    path, _ = next(iter(portal.world["digests"].items()))
    content = httpx.get(f"{portal.base}/d/{portal.world['token']}/files/{path}", trust_env=False)
    told = portal.last(before)
    assert (told["path"], told["outcome"], told["how"]) == (path, "complete", "portal")
    assert told["bytes"] == told["promised"] == len(content.content)


@pytest.mark.parametrize("what", ["file", "archive"])
def test_what_breaks_off_is_entered_with_what_left(portal, before, what):
    name = {"file": "files/large.mp4", "archive": "whales-1.0.zip"}[what]
    url = f"{portal.base}/d/{portal.world['large_token']}/{name}"
    with httpx.Client(trust_env=False) as http, http.stream("GET", url) as response:
        next(response.iter_raw(1_000_000))
    told = portal.last(before)
    assert told["outcome"] == "broken"
    assert 1_000_000 <= told["bytes"] < 50_000_000


def test_a_revoked_holder_is_cut_off_and_comes_no_more(portal, before):
    """Both that which the kernel sends (a file) and that which Python sends (an archive)."""
    urls = (portal.large, portal.large.replace("files/large.mp4", "whales-1.0.zip"))
    with ExitStack() as open_ones:
        http = open_ones.enter_context(httpx.Client(trust_env=False, timeout=30))
        running = [open_ones.enter_context(http.stream("GET", url)) for url in urls]
        blocks = [each.iter_raw(100_000) for each in running]
        assert all(map(next, blocks))
        revoke(portal.database, "whales")
        began = time.monotonic()
        try:
            assert http.get(portal.large).status_code == 403
            told = [portal.last(before), portal.last(before + 1)]
        finally:
            restore(portal.database)
        assert time.monotonic() - began < 30
        for each in blocks:
            with pytest.raises(httpx.HTTPError):
                sum(map(len, each))
    assert [each["outcome"] for each in told] == ["cut", "cut"]
    assert all(each["bytes"] < LARGE for each in told)


def test_while_the_log_cannot_be_written_nothing_is_handed_out(portal, before):
    """A database that refuses entries, as a full disk would, and then no longer does."""
    url = f"{portal.base}/d/{portal.world['token']}/files/clips/000.mp4"
    refuse = "BEFORE INSERT ON requests_app_entry BEGIN SELECT RAISE(ABORT, 'full'); END"
    rows(portal.database, f"CREATE TRIGGER full {refuse}")
    try:
        assert httpx.get(url, trust_env=False).status_code == 200
        until("the gate closed", lambda: _status(url) == 503, seconds=15)
        assert len(entered(portal.database)) == before
    finally:
        rows(portal.database, "DROP TRIGGER full")
    until("the gate open", lambda: _status(url) == 200, seconds=15)
    assert portal.last(before)["outcome"] == "complete"


def _status(url: str) -> int:
    return httpx.get(url, trust_env=False).status_code


def test_of_what_a_killed_process_has_sent_nothing_is_lost(portal, before):
    """Killed in the midst of many small files: all that arrived is entered, at worst as unknown."""
    until("all is entered", lambda: not rows(portal.database, UNSETTLED), seconds=30)
    before = len(entered(portal.database))
    arrived: list[str] = []

    def fetch(path: str) -> None:
        with httpx.Client(trust_env=False, timeout=30) as http, suppress(httpx.HTTPError):
            got = http.get(f"{portal.base}/d/{portal.world['token']}/files/{path}")
            if got.status_code == 200:
                arrived.append(path)
            if len(arrived) == 25:
                os.kill(portal.worker(), signal.SIGKILL)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(fetch, portal.world["digests"]))
    until("a new worker", lambda: answers(portal.base), seconds=60)
    rows(portal.database, "UPDATE requests_app_transfer SET seen_at = datetime('now', '-1 hours')")
    left = [identifier for (identifier,) in rows(portal.database, UNSETTLED)]
    work(portal.environment, f"[tasks.settle_left_behind(each) for each in {left}]")
    told = entered(portal.database)[before:]
    assert len(arrived) >= 25
    assert set(arrived) <= {each["path"] for each in told}
    assert {each["outcome"] for each in told} <= {"complete", "broken", "unknown"}


def test_what_a_killed_process_was_sending_is_entered_as_unknown(portal, before):
    with (
        httpx.Client(trust_env=False, timeout=30) as http,
        http.stream("GET", portal.large) as response,
    ):
        next(response.iter_raw(100_000))
        os.kill(portal.worker(), signal.SIGKILL)
    until("a new worker", lambda: answers(portal.base), seconds=60)
    ((found,),) = rows(portal.database, UNSETTLED)
    task = f"tasks.settle_left_behind('{found}')"
    work(portal.environment, task)
    assert len(entered(portal.database)) == before, "its process may be vouching for it still"
    rows(
        portal.database,
        "UPDATE requests_app_transfer SET seen_at = datetime('now', '-1 hours') WHERE id = ?",
        found,
    )
    work(portal.environment, task)
    told = portal.last(before)
    assert (told["outcome"], told["bytes"], told["promised"]) == ("unknown", None, LARGE)


def test_slow_downloads_leave_threads_for_everybody_else(portal):
    with ExitStack() as held:
        http = held.enter_context(httpx.Client(trust_env=False, timeout=30))
        running = [held.enter_context(http.stream("GET", portal.large)) for _ in range(AT_ONCE)]
        assert {response.status_code for response in running} == {200}
        refused = http.get(portal.large)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
        assert http.get(f"{portal.base}/healthz").status_code == 200
    until("room again", lambda: _begins(portal.large), seconds=15)


def _begins(url: str) -> bool:
    with httpx.stream("GET", url, trust_env=False, timeout=30) as response:
        return response.status_code == 200
