"""wget, curl and aria2 against a real gunicorn: broken off anywhere, the result is the same."""

import hashlib
import json
import random
import socket
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.accounts import rows
from tests.e2e.person import until
from tests.e2e.portal import ROOT, free_port
from tests.e2e.servers import gunicorn, made_world, workers_of
from tests.e2e.tools import NAME, RESUME, run, tool

pytestmark = pytest.mark.processes


@dataclass(frozen=True)
class Server:
    """A gunicorn with one worker and four threads, and what it serves."""

    process: "subprocess.Popen[bytes]"
    base: str
    database: Path
    world: dict[str, Any]

    @property
    def link(self) -> str:
        return f"{self.base}/d/{self.world['token']}"

    @property
    def zip(self) -> str:
        return f"{self.link}/{NAME}.zip"


@pytest.fixture(scope="module")
def server(tmp_path_factory, migrated) -> Iterator[Server]:
    var = tmp_path_factory.mktemp("var")
    migrated(var)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    environment, world = made_world(var, base)
    with gunicorn(port, environment, log=var / "gunicorn.log") as process:
        yield Server(process, base, var / "portal.sqlite3", world)


def broken_off(url: str, target: Path, after: int) -> None:
    """Fetch `after` bytes and drop the connection in mid-stream."""
    with (
        httpx.Client(trust_env=False, timeout=30) as http,
        http.stream("GET", url) as response,
        target.open("wb") as out,
    ):
        for block in response.iter_raw(4096):
            out.write(block[: after - out.tell()])
            if out.tell() >= after:
                return


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory) -> bytes:
    """The ZIP fetched in one go, checked by unzip and by the manifest inside."""
    folder = tmp_path_factory.mktemp("whole")
    run("curl", "-fsS", "-o", "all.zip", server.zip, cwd=folder)
    run("unzip", "-tq", "all.zip", cwd=folder)
    run("unzip", "-q", "all.zip", cwd=folder)
    run("sha256sum", "--quiet", "--strict", "-c", "manifest.sha256", cwd=folder / NAME)
    content = (folder / "all.zip").read_bytes()
    assert len(content) == server.world["zip_length"]
    return content


def offsets(length: int) -> list[int]:
    """In the first header, inside a clip, at a third, in the directory, one before the end."""
    return [7, 100_000, length // 3, length - 3000, length - 1]


@pytest.mark.parametrize("name", RESUME)
@pytest.mark.parametrize("place", range(5))
def test_a_broken_download_is_continued(server, whole, tmp_path, name, place):
    after = offsets(len(whole))[place]
    part = tmp_path / f"{NAME}.zip"
    broken_off(server.zip, part, after)
    assert part.read_bytes() == whole[:after]
    run(*RESUME[name], server.zip, cwd=tmp_path)
    assert part.read_bytes() == whole


@pytest.mark.parametrize("name", ["wget", "aria2c"])
def test_a_tool_that_is_killed_goes_on_where_it_was(server, whole, tmp_path, name):
    slow = {"wget": "--limit-rate=4m", "aria2c": "--max-download-limit=4M"}[name]
    first, *rest = RESUME[name]
    part = tmp_path / f"{NAME}.zip"
    killed = subprocess.Popen([tool(first), *rest, slow, server.zip], cwd=tmp_path)
    until("some bytes arriving", lambda: part.exists() and part.stat().st_size > 0, seconds=60)
    if name == "aria2c":  # which parts it has it notes a moment after the first byte
        until("its notes", (tmp_path / f"{part.name}.aria2").exists)
    killed.kill()
    killed.wait()
    run(*RESUME[name], server.zip, cwd=tmp_path)
    assert hashlib.sha256(part.read_bytes()).digest() == hashlib.sha256(whole).digest()


def test_wget_knows_when_it_has_everything(server, whole, tmp_path):
    (tmp_path / f"{NAME}.zip").write_bytes(whole)
    run("wget", "-q", "-c", server.zip, cwd=tmp_path)
    assert (tmp_path / f"{NAME}.zip").read_bytes() == whole


def test_aria2_fetches_and_checks_every_file(server, tmp_path):
    run("curl", "-fsS", "-o", "urls.txt", f"{server.link}/urls.txt", cwd=tmp_path)
    run("aria2c", "-q", "-c", "-j", "8", "-i", "urls.txt", cwd=tmp_path)
    run("sha256sum", "--quiet", "--strict", "-c", "manifest.sha256", cwd=tmp_path / NAME)
    for path, digest in server.world["digests"].items():
        assert hashlib.sha256((tmp_path / NAME / path).read_bytes()).hexdigest() == digest


def test_a_single_file_broken_off(server, tmp_path):
    path, digest = next(iter(server.world["digests"].items()))
    part = tmp_path / path.rpartition("/")[2]
    broken_off(f"{server.link}/files/{path}", part, 70_001)
    run("wget", "-q", "-c", f"{server.link}/files/{path}", cwd=tmp_path)
    assert hashlib.sha256(part.read_bytes()).hexdigest() == digest


def test_ranges_on_one_kept_connection_never_bleed_into_each_other(server, whole):
    """A server that sends one byte too many or too few spoils the next answer."""
    chance = random.Random(5)
    url = f"{server.link}/files/clips/007.mp4"
    with httpx.Client(trust_env=False) as http:
        clip = http.get(url).content
        for _ in range(60):
            for address, content in ((url, clip), (server.zip, whole)):
                start = chance.randrange(len(content))
                stop = min(start + chance.randrange(1, 90_000), len(content))
                got = http.get(address, headers={"Range": f"bytes={start}-{stop - 1}"})
                assert (got.status_code, got.content) == (206, content[start:stop])
            assert http.head(url).headers["Content-Length"] == str(len(clip))


def test_two_slow_clients_do_not_block_a_third(server):
    host, port = server.base.removeprefix("http://").split(":")
    path = f"/d/{server.world['large_token']}/whales-1.0.zip"
    slow = []
    try:
        for _ in range(2):
            waiting = socket.create_connection((host, int(port)), timeout=20)
            waiting.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            assert waiting.recv(12) == b"HTTP/1.1 200"
            slow.append(waiting)
        third = httpx.get(f"{server.link}/files/clips/000.mp4", trust_env=False, timeout=30)
        assert third.status_code == 200
    finally:
        for waiting in slow:
            waiting.close()


@pytest.mark.parametrize("what", ["whales-1.0.zip", "files/large.mp4"])
def test_a_large_download_needs_little_memory(server, tmp_path, what):
    (worker,) = workers_of(server.process)
    before = _peak(worker)
    url = f"{server.base}/d/{server.world['large_token']}/{what}"
    run("curl", "-fsS", "-o", tmp_path / "large", url)
    assert (tmp_path / "large").stat().st_size >= 200_000_000
    assert _peak(worker) - before < 20_000_000


def test_rclone_walks_and_copies_the_release_as_a_folder(server, tmp_path):
    """A remote of the kind `http`, which can only be read."""
    rclone = ["rclone", "--config", "", "--http-url", f"{server.link}/files/", "--retries", "1"]
    run(*rclone, "copy", ":http:", tmp_path / "copy")
    for path, digest in server.world["digests"].items():
        assert hashlib.sha256((tmp_path / "copy" / path).read_bytes()).hexdigest() == digest
    sent = subprocess.run(
        [tool("rclone"), *rclone[1:], "copy", ROOT / "docs/adr", ":http:"],
        capture_output=True,
        check=False,
    )
    assert sent.returncode != 0, "nothing can be written there"


@pytest.mark.parametrize(
    "path",
    [
        "/files/gulls/1.0/clips/000.mp4",
        "/var/files/gulls/1.0/clips/000.mp4",
        "/protected/gulls/1.0/clips/000.mp4",
        "/gulls/1.0/clips/000.mp4",
        "/static/../files/gulls/1.0/clips/000.mp4",
        "/static/..%2f..%2ffiles/gulls/1.0/clips/000.mp4",
        "/static/%2e%2e/files/gulls/1.0/clips/000.mp4",
        "//files/gulls/1.0/clips/000.mp4",
        "/d/{token}/files/../../files/gulls/1.0/clips/000.mp4",
        "/d/{token}/files/..%2f..%2fgulls/1.0/clips/000.mp4",
        "/d/{token}/files//gulls/1.0/clips/000.mp4",
        "/d/{token}/files/%2e%2e/%2e%2e/portal.sqlite3",
        "/data/files/clips/000.mp4",
    ],
)
def test_the_folder_of_the_store_is_out_of_reach_without_the_gate(server, path):
    raw = path.replace("{token}", server.world["token"]).encode()
    with httpx.Client(trust_env=False) as client:
        answer = client.get(httpx.URL(server.base, raw_path=raw))
    assert answer.status_code in {400, 401, 404}, answer.status_code
    assert len(answer.content) < 20_000


def test_no_token_is_written_into_the_portal_s_log(server):
    with httpx.Client(trust_env=False) as client:
        missing = f"{server.link}/files/none.mp4?{server.world['token']}"
        assert client.get(missing).status_code == 404
        assert client.post(f"{server.link}/").status_code == 405
    log = server.database.parent / "gunicorn.log"
    until("the refusal in the log", lambda: "/files/none.mp4" in log.read_text(), seconds=30)
    assert server.world["token"] not in log.read_text()
    assert server.world["token"].rpartition(".")[2] not in log.read_text()


def test_every_connection_is_in_the_log(server, tmp_path):
    _settled(server)
    before = _entries(server)
    part = tmp_path / "part.zip"
    broken_off(server.zip, part, 500_000)
    run("curl", "-fsS", "-C", "-", "-o", part, server.zip)
    _settled(server)
    first, second = _entries(server)[len(before) :]
    length = server.world["zip_length"]
    assert (first["status"], first["range"], first["promised"]) == (200, "", length)
    assert 500_000 <= first["bytes"] <= length
    assert second["range"] == f"bytes 500000-{length - 1}/{length}"
    assert (second["status"], second["bytes"]) == (206, length - 500_000)


def test_the_zip_opens_straight_from_the_server_s_bytes(whole, tmp_path):
    (tmp_path / "a.zip").write_bytes(whole)
    with zipfile.ZipFile(tmp_path / "a.zip") as reader:
        assert reader.testzip() is None
        assert len(reader.namelist()) == 62


def _peak(pid: int) -> int:
    """Bytes of memory the process has had at most."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not tell")


def _settled(server: Server) -> None:
    """Waits until every transfer has been entered."""
    open_ones = "SELECT count(*) FROM requests_app_transfer WHERE settled_at IS NULL"
    until("entries", lambda: rows(server.database, open_ones) == [(0,)], seconds=30)


def _entries(server: Server) -> list[dict[str, Any]]:
    query = "SELECT details FROM requests_app_entry WHERE kind = 'holder:archive:downloaded'"
    with sqlite3.connect(server.database) as database:
        rows = database.execute(f"{query} ORDER BY id").fetchall()
    database.close()
    return [json.loads(details) for (details,) in rows]
