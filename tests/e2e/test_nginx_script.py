"""What starts nginx outlives what nginx refuses: without the portal's address it cannot reload."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.person import until
from tests.e2e.portal import ROOT, free_port
from tests.e2e.servers import SEARCH, require_nginx, running

pytestmark = pytest.mark.processes

CONF = """{user}pid {var}/pid;
events {{ }}
http {{
    access_log {var}/transfers.log;
    error_log {var}/error.log;
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 "{word}"; }} }}
    {more}
}}
"""
NOWHERE = "upstream portal { server nowhere.invalid:8000; }"


class Server:
    """An nginx of one word."""

    def __init__(self, var: Path) -> None:
        self.var, self._port = var, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, word: str, more: str = "") -> None:
        # As root, nginx would hand its work to a user that cannot read this test's folder.
        user = "user root;\n" if os.geteuid() == 0 else ""
        text = CONF.format(user=user, var=self.var, port=self._port, word=word, more=more)
        (self.var / "nginx.conf").write_text(text)

    def ask(self) -> None:
        (self.var / "reload").write_text(f"{time.time()}\n")

    def says(self) -> str:
        try:
            return httpx.get(f"http://127.0.0.1:{self._port}/", trust_env=False).text
        except httpx.HTTPError:
            return ""


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    require_nginx()
    made = Server(tmp_path)
    made.write("one")
    shared = {"PATH": SEARCH, "NGINX_DIR": str(tmp_path), "NGINX_LOG_BYTES": "2000"}
    shared["NGINX_CONF"] = str(tmp_path / "nginx.conf")
    with running(["sh", str(ROOT / "docker/nginx.sh")], shared, tmp_path / "out") as process:
        made.process = process
        until("nginx answering", lambda: made.says() == "one", seconds=20)
        yield made


def test_a_reload_that_nginx_refuses_is_asked_for_again(server):
    server.write("two", NOWHERE)
    server.ask()
    until("refused", lambda: b"not found" in (server.var / "out").read_bytes(), seconds=20)
    time.sleep(1.5)
    assert server.process.poll() is None
    assert server.says() == "one"
    server.write("two")
    until("nginx reloaded", lambda: server.says() == "two", seconds=20)


def test_a_new_log_is_begun_while_nginx_would_not_reload(server):
    server.write("two", NOWHERE)
    for _ in range(40):
        server.says()
    log, renamed = server.var / "transfers.log", server.var / "transfers.log.1"
    until("a new log", lambda: renamed.exists() and log.exists(), seconds=20)
    server.says()
    until("its first line", lambda: log.stat().st_size > 0, seconds=5)
    assert server.process.poll() is None
