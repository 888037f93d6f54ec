"""A portal of one's own: the embedded shape as `make run` starts it, in a folder of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.e2e.person import Unexpected, until

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Portal:
    base_url: str
    var: Path
    process: "subprocess.Popen[bytes]"

    @property
    def mail(self) -> Path:
        return self.var / "mail"

    def account(self, role: str) -> dict[str, str]:
        """Returns `email` and `password` of a demo account."""
        accounts = json.loads((self.var / "demo-accounts.json").read_text())["accounts"]
        found = next(item for item in accounts if item["role"] == role)
        return {"email": found["email"], "password": found["password"]}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_portal(
    var: Path,
    *,
    step: Callable[[str], contextlib.AbstractContextManager[None]] | None = None,
    **settings: str,
) -> Iterator[Portal]:
    """Starts a portal in `var` and ends it afterwards; `settings` are CMED_ names without prefix.

    Unexpected when it does not get ready, or leaves a process behind.
    """
    step = step or (lambda _name: contextlib.nullcontext())
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CMED_")},
        "CMED_VAR_DIR": str(var),
        "CMED_PORT": str(port),
        **{f"CMED_{name}": value for name, value in settings.items()},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "cmed_portal.embedded"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    portal = Portal(f"http://127.0.0.1:{port}", var, process)
    try:
        with step("a fresh portal gets ready"):
            until("the portal getting ready", lambda: _ready(portal), seconds=120)
        yield portal
    finally:
        with step("the portal ends"):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                raise Unexpected("the portal did not end within 15 s") from None


def _ready(portal: Portal) -> bool:
    if portal.process.poll() is not None:
        raise Unexpected(f"the portal ended at once with code {portal.process.returncode}")
    try:
        return httpx.get(f"{portal.base_url}/readyz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
