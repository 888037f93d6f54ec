"""Many small files through the gate: each is judged, written down and later entered into the log.

A file of 1 KB, asked for by 16 connections (wrk) of two gunicorn workers before PostgreSQL.
Baseline is the same gunicorn with an application that sends the same kilobyte and asks nobody.
The second row counts until every transfer has become an entry. The third goes through nginx, which
sends the bytes; there the worker's task settles, here in a process of its own.
"""

import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psycopg

from bench.measuring import Row, report
from bench.shape import AS_IN_PRODUCTION, postgres
from tests.e2e.person import until
from tests.e2e.portal import free_port
from tests.e2e.servers import gunicorn, made_world, running, shipped_nginx

CONNECTIONS, SECONDS, RUNS = 16, 8, 5
FOLLOW = (
    "import django; django.setup(); import time\n"
    "from requests_app.distribution import nginx_log\n"
    "while True: nginx_log.follow(); time.sleep(1)"
)


def main() -> None:
    """Starts the servers, measures in turns, prints and keeps the rows."""
    with TemporaryDirectory(prefix="portal-bench-") as folder, ExitStack() as servers:
        var = Path(folder)
        database = servers.enter_context(postgres(var))
        direct, behind, gate, bare = (free_port() for _ in range(4))
        os.environ["WORLD_LARGE_BYTES"] = "1000"
        environment, world = made_world(
            var, f"http://127.0.0.1:{gate}", DATABASE_URL=database, CONCURRENT_DOWNLOADS="1000000"
        )
        handing = environment | {
            "CMED_ACCEL_PREFIX": "/protected/", "CMED_NGINX_DIR": str(var / "nginx"),
        }  # fmt: skip
        for port, settings, application in (
            (bare, environment, "bench.bare"),
            (direct, environment, "cmed_portal.wsgi"),
            (behind, handing, "cmed_portal.wsgi"),
        ):
            shape = gunicorn(port, settings, application=application, **AS_IN_PRODUCTION)
            servers.enter_context(shape)
        servers.enter_context(shipped_nginx(var, port=gate, portal=behind))
        servers.enter_context(running([sys.executable, "-c", FOLLOW], handing))
        path = f"d/{world['large_token']}/files/large.mp4"
        with psycopg.connect(database, autocommit=True) as rows:
            report("gate", _rows(rows, path, direct=direct, gate=gate, bare=bare))


def _rows(rows: "psycopg.Connection", path: str, *, direct: int, gate: int, bare: int) -> list[Row]:
    measured: dict[str, list[float]] = {}
    ours = {"portal alone": direct, "nginx X-Accel": gate}
    for _ in range(RUNS + 1):  # the first is to warm up
        measured.setdefault("bare", []).append(_asked(f"http://127.0.0.1:{bare}/")[0])
        for name, port in ours.items():
            answered, entered = _logged(rows, f"http://127.0.0.1:{port}/{path}")
            measured.setdefault(f"{name}, answered", []).append(answered)
            measured.setdefault(f"{name}, until entered", []).append(entered)
    warm = {name: rates[1:] for name, rates in measured.items()}
    for name, rates in warm.items():
        print(f"  {name}: {min(rates):.0f} to {max(rates):.0f} requests/s")
    base = median(warm.pop("bare"))
    return [Row(f"1 KB, {name}", median(rates), base, "1/s", RUNS) for name, rates in warm.items()]


def _logged(rows: "psycopg.Connection", url: str) -> tuple[float, float]:
    """Answers a second while it was asked, and until each of them was an entry."""
    before, started = _count(rows, settled=True), time.monotonic()
    rate, answers = _asked(url)
    until("every transfer entered", lambda: _count(rows, settled=False) == 0, seconds=60)
    taken = time.monotonic() - started
    entered = _count(rows, settled=True) - before
    if entered < answers:
        raise RuntimeError(f"{answers} answers and only {entered} entries")
    return rate, answers / taken


def _count(rows: "psycopg.Connection", *, settled: bool) -> int:
    query = "SELECT count(*) FROM requests_app_transfer WHERE (settled_at IS NOT NULL) = %s"
    found = rows.execute(query, [settled]).fetchone()
    return int(found[0]) if found else 0


def _asked(url: str) -> tuple[float, int]:
    """How many answers a second, and how many in all; an answer that is no 200 ends the run."""
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS)]
    done = subprocess.run(
        [*command, "--duration", f"{SECONDS}s", url], capture_output=True, text=True, check=True
    )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(done.stdout)
    return _number(r"Requests/sec:\s+([\d.]+)", done.stdout), int(
        _number(r"(\d+) requests in", done.stdout)
    )


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(text)
    return float(found[1])
