"""Real servers for tests and benchmarks: gunicorn, the shipped nginx before it, and a bare one."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.person import until
from tests.e2e.portal import ROOT

SHIPPED = ROOT / "docker" / "nginx.conf"
SEARCH = f"{os.environ['PATH']}:/usr/sbin"


def made_world(var: Path, base: str, **settings: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Fills a portal's state in `var`; returns the environment to serve it, and what is there."""
    var.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CMED_")}
    environment = kept | {
        "DJANGO_SETTINGS_MODULE": "cmed_portal.settings",
        "CMED_VAR_DIR": str(var),
        "CMED_SECRET_KEY": "tools-only " * 5,
        "CMED_BASE_URL": base,
        **{f"CMED_{name}": value for name, value in settings.items()},
    }
    made = subprocess.run(
        [sys.executable, "-m", "tests.e2e.download_world"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    return environment, json.loads(made.stdout)


def answers(base: str) -> bool:
    """Whether a portal answers there."""
    try:
        return httpx.get(f"{base}/healthz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def gunicorn(
    port: int,
    environment: Mapping[str, str],
    *,
    workers: int = 1,
    threads: int = 4,
    application: str = "cmed_portal.wsgi",
    log: Path | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """A gunicorn as the portal starts it, which answers when the block begins."""
    command = [sys.executable, "-m", "gunicorn", application, "--no-control-socket"]
    command += ["--workers", str(workers), "--worker-class", "gthread", "--threads", str(threads)]
    command += ["--keep-alive", "75"]
    with running([*command, "--bind", f"127.0.0.1:{port}"], environment, log) as process:
        until("gunicorn answering", lambda: answers(f"http://127.0.0.1:{port}"), seconds=90)
        yield process


def workers_of(process: "subprocess.Popen[bytes]") -> list[int]:
    """The process ids of a gunicorn's workers."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


@contextmanager
def shipped_nginx(var: Path, *, port: int, portal: int) -> Iterator[None]:
    """The shipped nginx before the gunicorn on `portal`, started as its container starts it.

    The portal's settings must name `var / "nginx"`, the folder that both share.
    """
    (var / "nginx").mkdir(exist_ok=True)
    conf = var / "nginx.conf"
    conf.write_text(plain(SHIPPED.read_text(), port=port, portal=portal, var=var))
    require_nginx()
    shared = {"PATH": SEARCH, "NGINX_DIR": str(var / "nginx"), "NGINX_CONF": str(conf)}
    with running(["sh", str(ROOT / "docker" / "nginx.sh")], shared):
        until("nginx answering", lambda: answers(f"http://127.0.0.1:{port}"), seconds=90)
        yield


def plain(conf: str, *, port: int, portal: int, var: Path) -> str:
    """The shipped configuration without TLS, on a free port, with the paths of this test."""
    conf = re.sub(r"    server \{\s+listen 80;.*?\n    \}\n", "", conf, flags=re.DOTALL)
    tls = r"listen 443 ssl reuseport;\s+listen \[::\]:443 ssl reuseport;"
    conf = re.sub(tls, f"listen 127.0.0.1:{port} reuseport;", conf)
    conf = re.sub(r"\n\s+(http2 on|ssl_\w+ [^;]+|resolver [^;]+);", "", conf)
    conf = conf.replace("server web:8000;", f"server 127.0.0.1:{portal};")
    conf = conf.replace("X-Forwarded-Proto https", "X-Forwarded-Proto http")
    conf = conf.replace("Host $host;", "Host $http_host;")  # with the port, which is not 443
    conf = conf.replace("/tmp/", f"{var}/").replace("/dev/stdout", f"{var}/access.log")
    conf = conf.replace("/var/lib/portal/", f"{var}/")
    conf = conf.replace("/dev/stderr", f"{var}/error.log")
    # As root, nginx would hand its work to a user that cannot read this test's folder.
    return ("user root;\n" if os.geteuid() == 0 else "") + conf


@contextmanager
def bare_nginx(var: Path, *, port: int, root: Path, more: str = "") -> Iterator[None]:
    """An nginx that sends what lies below `root` with sendfile and asks nobody.

    `more` are directives of its server.
    """
    user = "user root;\n" if os.geteuid() == 0 else ""
    (var / "bare.conf").write_text(
        f"{user}worker_processes auto;\npid {var}/bare.pid;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ sendfile on; access_log off; error_log {var}/bare.log; "
        f"server {{ listen 127.0.0.1:{port}; root {root}; {more} }} }}\n"
    )
    with running([require_nginx(), "-c", str(var / "bare.conf"), "-g", "daemon off;"], None):
        until("the bare nginx answering", lambda: _listens(port), seconds=30)
        yield


def _listens(port: int) -> bool:
    try:
        httpx.head(f"http://127.0.0.1:{port}/", trust_env=False)
    except httpx.HTTPError:
        return False
    return True


def require_nginx() -> str:
    """Where nginx is."""
    found = shutil.which("nginx", path=SEARCH)
    assert found, "this needs nginx; install nginx-light"
    return found


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str] | None, log: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process until the end of the block; what it says goes to `log`, or nowhere."""
    with (log or Path(os.devnull)).open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)
