"""What a real gunicorn sends is what is entered: whole, broken off, cut off, or killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.accounts import entered, restore, revoke, rows, work
from tests.e2e.person import until
from tests.e2e.portal import ROOT, free_port
from tests.e2e.test_download_tools import _answers, made_world

pytestmark = pytest.mark.processes
LARGE = 200_000_000
AT_ONCE = 6
"""Of eight threads."""


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
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])

    def last(self, count: int) -> dict[str, Any]:
        """The entry that comes after `count` others."""
        until("the entry", lambda: len(entered(self.database)) > count, seconds=15)
        return entered(self.database)[count]


@pytest.fixture(scope="module")
def portal(tmp_path_factory) -> Iterator[Portal]:
    var, port = tmp_path_factory.mktemp("accounting"), free_port()
    base = f"http://127.0.0.1:{port}"
    environment, world = made_world(var, base, PORTAL_DOWNLOADS=str(AT_ONCE))
    gunicorn = ["gunicorn", "cmed_portal.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    gunicorn += ["--worker-class", "gthread", "--threads", "8", "--no-control-socket"]
    process = subprocess.Popen(
        [sys.executable, "-m", *gunicorn], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    )
    try:
        until("gunicorn answering", lambda: _answers(base), seconds=90)
        yield Portal(process, environment, var / "portal.sqlite3", base, world)
    finally:
        process.terminate()
        process.wait(15)


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
    with (
        httpx.Client(trust_env=False, timeout=30) as http,
        http.stream("GET", portal.large) as response,
    ):
        blocks = response.iter_raw(100_000)
        next(blocks)
        revoke(portal.database, "whales")
        try:
            assert http.get(portal.large).status_code == 403
            told = portal.last(before)
        finally:
            restore(portal.database)
        with pytest.raises(httpx.HTTPError):
            sum(map(len, blocks))
    assert told["outcome"] == "cut"
    assert told["bytes"] < LARGE


def test_what_a_killed_process_was_sending_is_entered_as_unknown(portal, before):
    with (
        httpx.Client(trust_env=False, timeout=30) as http,
        http.stream("GET", portal.large) as response,
    ):
        next(response.iter_raw(100_000))
        os.kill(portal.worker(), signal.SIGKILL)
    until("a new worker", lambda: _answers(portal.base), seconds=60)
    unsettled = "SELECT hex(id), id FROM requests_app_transfer WHERE settled_at IS NULL"
    ((_, found),) = rows(portal.database, unsettled)
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
