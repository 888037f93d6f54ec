"""What a worker's memory grows by over five gigabytes: a file, a ZIP, a ZIP out of a bucket.

One gunicorn worker sends; curl fetches and throws away. *Baseline* is the peak of the same worker
over small downloads of the same kind, *ours* its peak over the large one, each peak begun anew
(Linux counts it, `VmHWM`). The five gigabytes on disk are a hole, so that only the way to clients
is measured; the bucket's are a ZIP of 200 MB, fetched until it is as much.
"""

import os
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.measuring import Row, report
from tests.e2e.backends import in_bucket, upload
from tests.e2e.portal import free_port
from tests.e2e.servers import gunicorn, made_world, shipped_nginx, workers_of
from tests.object_store import object_store

LARGE, STORED = 5_000_000_000, 200_000_000
SMALL_DOWNLOADS = 20
MEGABYTE = 1_000_000
NOWHERE = "http://127.0.0.1"


def main() -> None:
    """Starts the servers one after the other; prints and keeps the rows."""
    with TemporaryDirectory(prefix="portal-bench-") as folder:
        var = Path(folder)
        os.environ["WORLD_LARGE_BYTES"] = str(STORED)
        found = [_out_of_a_bucket(var / "stored", *made_world(var / "stored", NOWHERE))]
        os.environ |= {"WORLD_LARGE_BYTES": "1000", "WORLD_HOLE": str(LARGE)}
        environment, world = made_world(var, NOWHERE)
        found += _from_a_folder(environment, world)
        found.append(_through_nginx(var, environment, world))
    report("memory", found)


def _from_a_folder(environment: Mapping[str, str], world: Mapping[str, Any]) -> list[Row]:
    port = free_port()
    with gunicorn(port, environment) as process:
        (worker,) = workers_of(process)
        kinds = (
            ("file", "files/clips/000.mp4", "files/large.mp4"),
            ("ZIP", "gulls-1.0.zip", "whales-1.0.zip"),
        )
        return [
            _row(f"5 GB {kind}", worker, _urls(port, world, small, large))
            for kind, small, large in kinds
        ]


def _through_nginx(var: Path, environment: Mapping[str, str], world: Mapping[str, Any]) -> Row:
    portal, port = free_port(), free_port()
    accel = {"CMED_ACCEL_PREFIX": "/protected/", "CMED_NGINX_DIR": str(var / "nginx")}
    with ExitStack() as servers:
        process = servers.enter_context(gunicorn(portal, {**environment, **accel}))
        servers.enter_context(shipped_nginx(var, port=port, portal=portal))
        urls = _urls(port, world, "gulls-1.0.zip", "whales-1.0.zip")
        return _row("5 GB ZIP behind nginx", workers_of(process)[0], urls)


def _out_of_a_bucket(var: Path, environment: Mapping[str, str], world: Mapping[str, Any]) -> Row:
    port = free_port()
    with ExitStack() as servers:
        store = servers.enter_context(object_store())
        upload(var / "files", store)
        settings = in_bucket(store, public=store.endpoint)
        process = servers.enter_context(gunicorn(port, {**environment, **settings}))
        urls = _urls(port, world, "gulls-1.0.zip", "whales-1.0.zip")
        return _row("5 GB of ZIP from S3", workers_of(process)[0], urls, times=LARGE // STORED)


def _urls(port: int, world: Mapping[str, Any], small: str, large: str) -> tuple[str, str]:
    base = f"http://127.0.0.1:{port}/d"
    return f"{base}/{world['token']}/{small}", f"{base}/{world['large_token']}/{large}"


def _row(measure: str, worker: int, urls: tuple[str, str], times: int = 1) -> Row:
    """The peak over the large download against that over small ones; the difference is named."""
    small, large = urls
    baseline = _peak(worker, small, SMALL_DOWNLOADS)
    ours = _peak(worker, large, times)
    return Row(f"{measure}: peak, {ours - baseline:+.1f} MB", ours, baseline, "MB", times)


def _peak(worker: int, url: str, times: int) -> float:
    """The most memory that a process has while something is fetched from it."""
    Path(f"/proc/{worker}/clear_refs").write_text("5")  # the peak begins anew
    for _ in range(times):
        subprocess.run(["curl", "-fsS", "--noproxy", "*", "-o", os.devnull, url], check=True)
    for line in Path(f"/proc/{worker}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / MEGABYTE
    raise RuntimeError("the kernel does not tell the peak")
