"""A gigabyte over loopback: through nginx after the gate has judged, and from the portal alone.

Baseline is an nginx of its own that sends the same file with sendfile and asks nobody. curl fetches
and throws away. The last row is how long a ninth client waits for its first byte from the portal
alone while eight others fetch slowly.
"""

import os
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.measuring import Row, alternate, report
from bench.shape import gunicorn, nginx
from tests.e2e.person import until
from tests.e2e.portal import free_port
from tests.e2e.test_download_tools import _answers, made_world
from tests.e2e.test_nginx import SHIPPED, plain

GIGABYTE, RUNS, SLOW = 1_000_000_000, 7, 8


def main() -> None:
    """Starts both servers, measures in turns, prints and keeps the rows."""
    with TemporaryDirectory(prefix="portal-bench-") as folder, ExitStack() as servers:
        var = Path(folder)
        portal, gate, bare = free_port(), free_port(), free_port()
        (var / "nginx").mkdir()
        os.environ["WORLD_LARGE_BYTES"] = str(GIGABYTE)
        environment, world = made_world(
            var,
            f"http://127.0.0.1:{gate}",
            ACCEL_PREFIX="/protected/",
            NGINX_DIR=str(var / "nginx"),
        )
        alone = free_port()
        shipped = plain(SHIPPED.read_text(), port=gate, portal=portal, var=var)
        servers.enter_context(gunicorn(portal, environment))
        servers.enter_context(gunicorn(alone, environment | {"CMED_ACCEL_PREFIX": ""}))
        for name, conf in (("gate.conf", shipped), ("bare.conf", _bare(var, bare))):
            (var / name).write_text(conf)
            servers.enter_context(nginx(var / name))
        path = f"d/{world['large_token']}/files/large.mp4"
        theirs = f"http://127.0.0.1:{bare}/whales/1.0/large.mp4"
        for port in (portal, alone, gate):
            until("an answer", lambda port=port: _answers(f"http://127.0.0.1:{port}"), seconds=90)
        rows = []
        for name, port, most in (("nginx X-Accel", gate, 8), ("portal alone", alone, 1)):
            ours = f"http://127.0.0.1:{port}/{path}"
            rows += [_row(f"1 GB, {name}, {n} conn.", ours, theirs, n) for n in sorted({1, most})]
        rows.append(_ninth(f"http://127.0.0.1:{alone}/{path}", theirs))
    report("serving", rows)


def _row(measure: str, ours: str, theirs: str, connections: int) -> Row:
    fetch_ours, fetch_theirs = (lambda url=url: _fetch(url, connections) for url in (ours, theirs))
    fetch_ours(), fetch_theirs()
    seconds, bare = alternate(fetch_ours, fetch_theirs, RUNS)
    return Row(measure, GIGABYTE / 1e6 / seconds, GIGABYTE / 1e6 / bare, "MB/s", RUNS)


def _fetch(url: str, connections: int) -> None:
    """One gigabyte in all, in as many equal parts as there are connections."""
    size = GIGABYTE // connections
    parts = [f"{size * n}-{size * (n + 1) - 1}" for n in range(connections)]
    running = [_curl("-f", "-r", part, url) for part in parts]
    if any(process.wait() for process in running):
        raise RuntimeError(f"curl could not fetch {url}")


def _ninth(ours: str, theirs: str) -> Row:
    """Seconds to the first byte with eight slow clients held open."""

    def waited(url: str) -> float:
        slow = [_curl("-f", "--limit-rate", "2M", url) for _ in range(SLOW)]
        try:
            time.sleep(1)  # they are under way
            taken = [_first_byte(url) for _ in range(RUNS)]
        finally:
            for process in slow:
                process.terminate()
                process.wait()
        return median(taken)

    return Row("ninth client's first byte, portal alone", waited(ours), waited(theirs), "s", RUNS)


def _first_byte(url: str) -> float:
    done = subprocess.run(
        ["curl", "-fs", "-r", "0-0", "-o", os.devnull, "-w", "%{time_starttransfer}", url],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def _curl(*arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["curl", "-sS", "--noproxy", "*", "-o", os.devnull, *arguments])


def _bare(var: Path, port: int) -> str:
    user = "user root;\n" if os.geteuid() == 0 else ""
    return (
        f"{user}worker_processes auto;\npid {var}/bare.pid;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ sendfile on; access_log off; error_log {var}/bare.log; "
        f"server {{ listen 127.0.0.1:{port}; root {var}/files; }} }}\n"
    )
