"""A gigabyte over loopback: through nginx after the gate has judged, and from the portal alone.

Baseline is an nginx of its own that sends the same file with sendfile and asks nobody. curl fetches
and throws away. With nginx it is the production shape, with PostgreSQL; alone the embedded one. An
eighth of it for each of eight connections takes a quarter of a second, of which eight questions at
once are a tenth: that row tells what asking costs, the one above it what flows. The last is how
long a ninth client waits for its first byte from the portal alone while eight others fetch slowly.
"""

import os
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.measuring import Row, alternate, report
from bench.shape import AS_IN_PRODUCTION, postgres
from tests.e2e.portal import free_port
from tests.e2e.servers import bare_nginx, gunicorn, made_world, shipped_nginx

GIGABYTE, RUNS, SLOW = 1_000_000_000, 7, 8


def main() -> None:
    """Starts both servers, measures in turns, prints and keeps the rows."""
    with TemporaryDirectory(prefix="portal-bench-") as folder, ExitStack() as servers:
        portal, gate, alone, bare = (free_port() for _ in range(4))
        os.environ["WORLD_LARGE_BYTES"] = str(GIGABYTE)
        var, own = Path(folder), Path(folder) / "alone"
        environment, world = made_world(
            var,
            f"http://127.0.0.1:{gate}",
            DATABASE_URL=servers.enter_context(postgres(var)),
            ACCEL_PREFIX="/protected/",
            NGINX_DIR=str(var / "nginx"),
        )
        servers.enter_context(gunicorn(portal, environment, **AS_IN_PRODUCTION))
        servers.enter_context(shipped_nginx(var, port=gate, portal=portal))
        environment, world_alone = made_world(own, f"http://127.0.0.1:{alone}")
        servers.enter_context(gunicorn(alone, environment, **AS_IN_PRODUCTION))
        servers.enter_context(bare_nginx(var, port=bare, root=var / "files"))
        theirs = f"http://127.0.0.1:{bare}/whales/1.0/large.mp4"
        ours = f"http://127.0.0.1:{gate}/d/{world['large_token']}/files/large.mp4"
        itself = f"http://127.0.0.1:{alone}/d/{world_alone['large_token']}/files/large.mp4"
        rows = [
            _row("1 GB, nginx X-Accel, 1 connection", ours, theirs, 1),
            _row("1 GB each, nginx X-Accel, 8 connections", ours, theirs, 8),
            _row("an eighth each, nginx X-Accel, 8 connections", ours, theirs, 8, GIGABYTE // 8),
            _row("1 GB, portal alone, 1 connection", itself, theirs, 1),
            _ninth(itself, theirs),
        ]
    report("serving", rows)


def _row(measure: str, ours: str, theirs: str, connections: int, each: int = GIGABYTE) -> Row:
    """So many connections at once, each of which fetches `each` bytes."""
    fetch_ours, fetch_theirs = (
        lambda url=url: _fetch(url, connections, each) for url in (ours, theirs)
    )
    fetch_ours(), fetch_theirs()
    seconds, bare = alternate(fetch_ours, fetch_theirs, RUNS)
    size = each * connections / 1e6
    return Row(measure, size / seconds, size / bare, "MB/s", RUNS)


def _fetch(url: str, connections: int, each: int) -> None:
    starts = [each * n % GIGABYTE for n in range(connections)]
    running = [_curl("-f", "-r", f"{start}-{start + each - 1}", url) for start in starts]
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
