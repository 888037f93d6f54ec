"""The shipped nginx configuration with a real nginx: it sends what was allowed, only that."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.accounts import entered, restore, revoke, work
from tests.e2e.person import until
from tests.e2e.portal import free_port
from tests.e2e.servers import gunicorn, made_world, shipped_nginx

pytestmark = pytest.mark.processes


@dataclass(frozen=True)
class Gate:
    """An nginx before a gunicorn, and what they serve."""

    base: str
    world: dict[str, Any]
    environment: dict[str, str]
    var: Path
    master: int

    @property
    def link(self) -> str:
        return f"{self.base}/d/{self.world['token']}"

    @property
    def database(self) -> Path:
        return self.var / "portal.sqlite3"

    @property
    def web(self) -> int:
        """The process that answers."""
        children = Path(f"/proc/{self.master}/task/{self.master}/children").read_text()
        return int(children.split()[0])

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.base}{path}", headers=headers, trust_env=False)


@pytest.fixture(scope="module")
def gate(tmp_path_factory, migrated) -> Iterator[Gate]:
    var = tmp_path_factory.mktemp("gate")
    migrated(var)
    portal, port = free_port(), free_port()
    base = f"http://127.0.0.1:{port}"
    environment, world = made_world(
        var, base, ACCEL_PREFIX="/protected/", NGINX_DIR=str(var / "nginx")
    )
    with (
        gunicorn(portal, environment) as web,
        shipped_nginx(var, port=port, portal=portal),
    ):
        yield Gate(base, world, environment, var, web.pid)


def test_every_file_arrives_whole_and_in_parts_sent_by_nginx(gate):
    for path, digest in list(gate.world["digests"].items())[:10]:
        response = gate.get(f"/d/{gate.world['token']}/files/{path}")
        assert hashlib.sha256(response.content).hexdigest() == digest
        assert response.headers["Server"] == "nginx"
        assert not {"X-Accel-Redirect", "X-Transfer"} & set(response.headers)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        part = gate.get(f"/d/{gate.world['token']}/files/{path}", Range="bytes=100-199")
        assert (part.status_code, part.content) == (206, response.content[100:200])
        again = gate.get(
            f"/d/{gate.world['token']}/files/{path}",
            **{"Range": "bytes=100-", "If-Range": response.headers["ETag"]},
        )
        assert (again.status_code, again.content) == (206, response.content[100:])


@pytest.mark.parametrize(
    "path",
    [
        "/protected/gulls/1.0/clips/000.mp4",
        "/protected/",
        "/protected%2Fgulls/1.0/clips/000.mp4",
        "/%70rotected/gulls/1.0/clips/000.mp4",
        "/static/../protected/gulls/1.0/clips/000.mp4",
        "/static/..%2f..%2ffiles/gulls/1.0/clips/000.mp4",
        "/static../files/gulls/1.0/clips/000.mp4",
        "/protected../portal.sqlite3",
        "/files/gulls/1.0/clips/000.mp4",
        "//protected/gulls/1.0/clips/000.mp4",
    ],
)
def test_the_store_is_out_of_reach_without_the_gate(gate, path):
    with httpx.Client(trust_env=False) as client:
        response = client.get(httpx.URL(gate.base, raw_path=path.encode()))
    assert response.status_code in {400, 403, 404}, path
    assert len(response.content) < 20_000


def test_a_link_that_is_not_one_gets_nothing(gate):
    wrong = gate.world["token"][:-1] + ("A" if gate.world["token"][-1] != "A" else "B")
    assert gate.get(f"/d/{wrong}/files/clips/000.mp4").status_code == 404


def test_our_client_fetches_all_of_it_and_goes_on_where_it_was(gate, tmp_path):
    script = tmp_path / "client.py"
    script.write_bytes(gate.get("/client.py").content)
    fetch = [sys.executable, str(script), gate.link, "--into", str(tmp_path / "data")]
    first = subprocess.run(fetch, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    assert len(list((tmp_path / "data").rglob("*.mp4"))) == len(gate.world["digests"])


def test_nginx_judges_if_range_by_the_portals_tag(gate):
    url, digest = next(iter(gate.world["digests"].items()))
    path = f"/d/{gate.world['token']}/files/{url}"
    head = httpx.head(f"{gate.base}{path}", trust_env=False)
    assert head.headers["ETag"] == f'"{digest}"' == gate.get(path).headers["ETag"]
    for tag, status in ((f'"{digest}"', 206), ('"another"', 200)):
        answer = gate.get(path, **{"Range": "bytes=0-9", "If-Range": tag})
        assert (answer.status_code, answer.headers["Server"]) == (status, "nginx")


def test_of_several_ranges_the_whole_is_sent(gate):
    answer = gate.get(f"/d/{gate.world['token']}/files/clips/000.mp4", Range="bytes=0-1,5-6")
    assert (answer.status_code, len(answer.content)) == (200, 150_000)


FOLLOW = "tasks.follow_nginx()"


def test_what_nginx_sent_is_entered_as_nginx_counted_it(gate):
    work(gate.environment, FOLLOW)
    before, lines = len(entered(gate.database)), _lines(gate)
    path = "clips/000.mp4"
    whole = gate.get(f"/d/{gate.world['token']}/files/{path}")
    gate.get(f"/d/{gate.world['token']}/files/{path}", Range="bytes=100-199")
    url = f"{gate.base}/d/{gate.world['large_token']}/files/large.mp4"
    with httpx.Client(trust_env=False) as http, http.stream("GET", url) as response:
        next(response.iter_raw(1_000_000))
    until("three lines", lambda: _lines(gate) >= lines + 3, seconds=15)
    work(gate.environment, FOLLOW)
    told = entered(gate.database)[before:]
    size = len(whole.content)
    assert [(each["status"], each["range"], each["bytes"]) for each in told[:2]] == [
        (200, "", size),
        (206, f"bytes 100-199/{size}", 100),
    ]
    assert {each["how"] for each in told} == {"nginx"}
    assert [each["outcome"] for each in told] == ["complete", "complete", "broken"]
    assert 1_000_000 <= told[2]["bytes"] < told[2]["promised"]


@pytest.mark.parametrize("worker", ["free", "busy"])
def test_a_revoked_holder_is_cut_off_and_everybody_else_is_served(gate, worker):
    work(gate.environment, FOLLOW)
    before = _lines(gate)
    url = f"{gate.base}/d/{gate.world['large_token']}/files/large.mp4"
    with httpx.Client(trust_env=False, timeout=30) as http, http.stream("GET", url) as response:
        blocks = response.iter_raw(100_000)
        next(blocks)
        revoke(gate.database, "whales")
        try:
            began = time.monotonic()
            if worker == "free":
                work(gate.environment, FOLLOW)
            until("nginx let go", lambda: _lines(gate) > before, seconds=40)
            assert time.monotonic() - began < 30
            assert http.get(url).status_code == 403
        finally:
            restore(gate.database)
        with pytest.raises(httpx.HTTPError):
            sum(map(len, blocks))
    work(gate.environment, FOLLOW)
    assert entered(gate.database)[-1]["outcome"] == "cut"
    assert gate.get(f"/d/{gate.world['token']}/files/clips/001.mp4").status_code == 200


def test_a_client_that_hangs_up_while_it_is_judged_leaves_nothing_open(gate):
    work(gate.environment, FOLLOW)
    before = _lines(gate)
    host, port = gate.base.removeprefix("http://").split(":")
    os.kill(gate.web, signal.SIGSTOP)
    try:
        with socket.create_connection((host, int(port))) as line:
            path = f"/d/{gate.world['token']}/files/clips/002.mp4"
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    finally:
        os.kill(gate.web, signal.SIGCONT)
    until("its line", lambda: _lines(gate) > before, seconds=15)
    work(gate.environment, FOLLOW)
    last = entered(gate.database)[-1]
    assert (last["path"], last["bytes"], last["outcome"]) == ("clips/002.mp4", 0, "broken")


def _lines(gate: Gate) -> int:
    return len((gate.var / "nginx/transfers.log").read_text().splitlines())


def test_no_token_is_written_into_a_log(gate, tmp_path_factory):
    gate.get(f"/d/{gate.world['token']}/files/clips/000.mp4")
    gate.get(f"/d/{gate.world['token']}/files/none.mp4")
    folder = tmp_path_factory.getbasetemp()
    logs = [*folder.rglob("access.log"), *folder.rglob("transfers.log")]
    assert len(logs) >= 2
    for file in [*logs, *folder.rglob("error.log")]:
        assert gate.world["token"] not in file.read_text()
