"""The four long-lived processes, and supervisord that keeps them alive.

`supervisord.conf` beside this file says what runs. Everything that differs between machines reaches
it as `ENV_` expansions, never as text in the file, so a path may hold any character but a quote.
"""

import os
import shutil
import signal
import subprocess
import sys
import xmlrpc.client
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

from cmed_portal.embedded import descendants

CONFIGURATION = Path(__file__).with_name("supervisord.conf")
STOP_SECONDS = 8.5  # of the 10 promised; supervisord.conf gives its programs less


@dataclass(frozen=True)
class Layout:
    """Where one portal runs: its code, its state, its sockets and its address."""

    root: Path
    var: Path
    sockets: Path
    host: str
    port: int

    @property
    def bind(self) -> str:
        """`host:port`, as gunicorn and a URL write it (brackets around IPv6)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def reachable(self) -> str:
        """The host that this machine reaches the portal at: a wildcard is no address to visit."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104

    @property
    def address(self) -> str:
        """The URL that this machine reaches the portal at, without a trailing slash."""
        host = f"[{self.reachable}]" if ":" in self.reachable else self.reachable
        return f"http://{host}:{self.port}"

    def environment(self) -> dict[str, str]:
        """This process's environment plus what supervisord.conf expands."""
        return {
            **os.environ,
            "PORTAL_PYTHON": sys.executable,
            "PORTAL_ROOT": str(self.root),
            "PORTAL_SOCKETS": str(self.sockets),
            "PORTAL_BIND": self.bind,
            "PORTAL_REDIS": shutil.which("redis-server") or shutil.which("valkey-server") or "",
            "PYTHONUNBUFFERED": "1",
        }


class Supervisor:
    """supervisord as a child process in a session of its own, so Ctrl-C reaches only us."""

    def __init__(self, layout: Layout) -> None:
        self._control = layout.sockets / "control.sock"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(CONFIGURATION)],
            cwd=layout.var,
            env=layout.environment(),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=descendants.end_with_parent,  # noqa: PLW1509 - there are no threads here
        )

    @property
    def running(self) -> bool:
        """Whether supervisord itself lives; buries adopted processes on the way."""
        descendants.bury(spare=self._process.pid)
        return self._process.poll() is None

    def given_up(self) -> list[str]:
        """Names of the programs that keep ending, so that supervisord stopped starting them."""
        transport = SupervisorTransport(None, None, f"unix://{self._control}")
        with (
            suppress(OSError, xmlrpc.client.Error),  # it is only just starting, or ending
            xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server,
        ):
            answer = server.supervisor.getAllProcessInfo()
            if isinstance(answer, list):
                return [one["name"] for one in answer if one["statename"] == "FATAL"]
        return []

    def stop(self) -> None:
        """End every program and supervisord, in order if they will, by force if not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        descendants.end_adopted()
