"""All clips of a release by `aria2c -j16 -i urls.txt`: through the gate, and from a bare nginx.

Ours is the production shape: the shipped nginx, two gunicorn workers, PostgreSQL, and the worker's
task that enters what nginx sent; each file is judged and written down. The baseline is an nginx
that sends the same files and asks nobody, with the same input file but for its addresses: aria2
checks the same digests. Each run begins with an empty folder. The figures are seconds, so the ratio
is to be small.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx

from bench.measuring import Row, report
from bench.shape import AS_IN_PRODUCTION, postgres
from tests.e2e.portal import free_port
from tests.e2e.servers import bare_nginx, gunicorn, made_world, running, shipped_nginx

CLIPS, CLIP_BYTES = 10_924, 100_000
RUNS = 5
NAME = "gulls-1.0"
FOLLOW = (
    "import django; django.setup(); import time\n"
    "from requests_app.distribution import tasks\n"
    "while True: tasks.follow_nginx(); time.sleep(5)"
)
"""What beat and a worker do."""


def main() -> None:
    """Starts everything, fetches in turns, prints and keeps the row."""
    os.environ |= {"WORLD_CLIPS": str(CLIPS), "WORLD_CLIP_BYTES": str(CLIP_BYTES)}
    os.environ["WORLD_LARGE_BYTES"] = "1000"
    with TemporaryDirectory(prefix="portal-bench-") as folder, ExitStack() as servers:
        var = Path(folder)
        portal, gate, bare = free_port(), free_port(), free_port()
        environment, world = made_world(
            var,
            f"http://127.0.0.1:{gate}",
            DATABASE_URL=servers.enter_context(postgres(var)),
            ACCEL_PREFIX="/protected/",
            NGINX_DIR=str(var / "nginx"),
        )
        servers.enter_context(gunicorn(portal, environment, **AS_IN_PRODUCTION))
        servers.enter_context(shipped_nginx(var, port=gate, portal=portal))
        servers.enter_context(running([sys.executable, "-c", FOLLOW], environment))
        servers.enter_context(bare_nginx(var, port=bare, root=var / "files"))
        ours, theirs = var / "ours.txt", var / "theirs.txt"
        link = f"http://127.0.0.1:{gate}/d/{world['token']}"
        ours.write_text(httpx.get(f"{link}/urls.txt", trust_env=False).text)
        theirs.write_text(_from_bare(ours.read_text(), bare))
        pairs = [(_seconds(ours, var), _seconds(theirs, var)) for _ in range(RUNS + 1)][1:]
    seconds, baseline = (median(each) for each in zip(*pairs, strict=True))
    report("aria2", [Row(f"{CLIPS:,} clips, aria2c -j16, X-Accel", seconds, baseline, "s", RUNS)])


def _from_bare(listed: str, port: int) -> str:
    """The same list with the addresses of the bare nginx, without what only the portal makes."""
    items = [item for item in re.split(r"\n(?=http)", listed) if "/files/" in item]
    address = re.compile(r"^http://[^/]+/d/[^/]+/releases/1\.0/files/")
    return "\n".join(address.sub(f"http://127.0.0.1:{port}/gulls/1.0/", item) for item in items)


def _seconds(listed: Path, var: Path) -> float:
    """How long it takes to fetch and check every file into an empty folder."""
    into = var / "fetched"
    began = time.perf_counter()
    done = subprocess.run(
        ["aria2c", "-j", "16", "--console-log-level=error", "-i", listed, "-d", into],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    taken = time.perf_counter() - began
    found = sum(1 for path in (into / NAME / "clips").iterdir() if path.suffix == ".mp4")
    shutil.rmtree(into)
    if done.returncode or found != CLIPS:
        raise RuntimeError(f"{found} of {CLIPS} clips arrived\n{done.stdout[-2000:]}")
    return taken
