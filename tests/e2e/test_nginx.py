"""The shipped nginx configuration with a real nginx: it sends what was allowed, only that."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.person import until
from tests.e2e.portal import ROOT, free_port
from tests.e2e.test_download_tools import _answers, made_world

pytestmark = pytest.mark.processes
SHIPPED = ROOT / "docker" / "nginx.conf"


@dataclass(frozen=True)
class Gate:
    """An nginx before a gunicorn, and what they serve."""

    base: str
    world: dict[str, Any]

    @property
    def link(self) -> str:
        return f"{self.base}/d/{self.world['token']}"

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.base}{path}", headers=headers, trust_env=False)


def plain(conf: str, *, port: int, portal: int, var: Path) -> str:
    """The shipped configuration without TLS, on a free port, with the paths of this test."""
    conf = re.sub(r"    server \{\s+listen 80;.*?\n    \}\n", "", conf, flags=re.DOTALL)
    conf = re.sub(r"listen 443 ssl;\s+listen \[::\]:443 ssl;", f"listen 127.0.0.1:{port};", conf)
    conf = re.sub(r"\n\s+(http2 on|ssl_\w+ [^;]+|resolver [^;]+);", "", conf)
    conf = conf.replace("set $portal web:8000;", f"set $portal 127.0.0.1:{portal};")
    conf = conf.replace("X-Forwarded-Proto https", "X-Forwarded-Proto http")
    conf = conf.replace("/tmp/", f"{var}/").replace("/dev/stdout", f"{var}/access.log")
    conf = conf.replace("/var/lib/portal/files/", f"{var}/files/")
    conf = conf.replace("/dev/stderr", f"{var}/error.log")
    # As root, nginx would hand its work to a user that cannot read this test's folder.
    return ("user root;\n" if os.geteuid() == 0 else "") + conf


@pytest.fixture(scope="module")
def gate(tmp_path_factory) -> Iterator[Gate]:
    var = tmp_path_factory.mktemp("gate")
    portal, port = free_port(), free_port()
    base = f"http://127.0.0.1:{port}"
    environment, world = made_world(var, base, ACCEL_PREFIX="/protected/")
    conf = var / "nginx.conf"
    conf.write_text(plain(SHIPPED.read_text(), port=port, portal=portal, var=var))
    gunicorn = [sys.executable, "-m", "gunicorn", "cmed_portal.wsgi", "--no-control-socket"]
    web = subprocess.Popen(
        [*gunicorn, "--bind", f"127.0.0.1:{portal}", "--threads", "4"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, "this test needs nginx; install the package nginx-light"
    nginx = subprocess.Popen([found, "-c", conf, "-g", "daemon off;"], stderr=subprocess.DEVNULL)
    try:
        until("nginx and gunicorn answering", lambda: _answers(base), seconds=90)
        yield Gate(base, world)
    finally:
        for process in (nginx, web):
            process.terminate()
            process.wait(15)


def test_every_file_arrives_whole_and_in_parts_sent_by_nginx(gate):
    for path, digest in list(gate.world["digests"].items())[:10]:
        response = gate.get(f"/d/{gate.world['token']}/files/{path}")
        assert hashlib.sha256(response.content).hexdigest() == digest
        assert response.headers["Server"] == "nginx"
        assert "X-Accel-Redirect" not in response.headers
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


def test_no_token_is_written_into_a_log(gate, tmp_path_factory):
    gate.get(f"/d/{gate.world['token']}/files/clips/000.mp4")
    gate.get(f"/d/{gate.world['token']}/files/none.mp4")
    logs = [*tmp_path_factory.getbasetemp().rglob("access.log")]
    assert logs
    for file in [*logs, *tmp_path_factory.getbasetemp().rglob("error.log")]:
        assert gate.world["token"] not in file.read_text()
