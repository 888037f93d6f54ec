"""`make run`: prepare the state folder, start the portal's processes, tell, and end them all.

CMED_PORT=8000 CMED_HOST=127.0.0.1 python -m cmed_portal.embedded
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType
from typing import NoReturn

from cmed_portal.embedded import descendants
from cmed_portal.embedded.premises import CannotStart, only_one, port_is_free, private_folder
from cmed_portal.embedded.sockets import socket_folder
from cmed_portal.embedded.supervision import Layout, Supervisor
from cmed_portal.env import EnvError, env

ROOT = Path(__file__).resolve().parents[2]
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FOLDERS = ("run", "log", "redis", "keys")
READY_SECONDS = 100


class Stopped(BaseException):
    """Somebody asked the portal to end."""


def main() -> int:
    """Run the portal until it is told to end. Returns the exit code."""
    started = time.monotonic()
    os.umask(0o077)
    for ending in ENDINGS:
        if signal.getsignal(ending) is not signal.SIG_IGN:  # as under nohup
            signal.signal(ending, stop)
    try:
        layout = lay_out()
        with only_one(layout.var / "run" / "portal.lock", f"http://{layout.bind}"):
            port_is_free(layout.host, layout.port)
            prepare(layout)
            serve(layout, started)
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 1
    except Stopped:
        with suppress(OSError):  # the terminal may be gone
            print("Ended: no process is left.", flush=True)
    return 0


def stop(_number: int, _frame: FrameType | None) -> NoReturn:
    """Signal handler: unwind once; a second Ctrl-C must not interrupt the clean-up."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    raise Stopped


def lay_out() -> Layout:
    """Read where and how to run from the environment, make the folders and have the keys made."""
    try:
        host, port = env.str("HOST", "127.0.0.1"), env.int("PORT", 8000)
    except EnvError:
        raise CannotStart("The port must be a number, for example `PORT=8001 make run`.") from None
    var = private_folder(env.path("VAR_DIR", ROOT / "var").absolute())
    layout = Layout(ROOT, var, socket_folder(var), host, port)
    for folder in (*(var / name for name in FOLDERS), layout.sockets):
        private_folder(folder)
    if layout.sockets.parent != var:
        print(f"The path of {var} is too long for sockets: they lie in {layout.sockets}/")
    os.environ["DJANGO_SETTINGS_MODULE"] = "cmed_portal.settings"  # whatever a test run left here
    os.environ["CMED_VAR_DIR"] = str(var)
    os.environ.setdefault("CMED_BASE_URL", layout.address)
    # Only now, as it reads what was just set; it makes the keys, or stops with a sentence.
    from cmed_portal import settings  # noqa: PLC0415

    if not settings.EMBEDDED:
        raise CannotStart(
            "`make run` starts the embedded shape, and CMED_SHAPE says production: unset it, or see"
            " docker/ for the production shape."
        )
    return layout


def prepare(layout: Layout) -> None:
    """Migrate, collect static files and load the demo, in one process with one start of Django."""
    prepared = subprocess.run(
        [sys.executable, "-m", "cmed_portal.embedded.prepare"],
        cwd=layout.root,
        start_new_session=True,  # Ctrl-C reaches this process, which ends it
        preexec_fn=descendants.end_with_parent,
        check=False,
    )
    if prepared.returncode:
        raise CannotStart(
            f"The portal could not be prepared: {layout.var}/log/prepare.log holds the details."
        )


def serve(layout: Layout, started: float) -> None:
    """Start the processes, tell when they are ready, and watch them until told to end."""
    descendants.adopt_orphans()
    supervisor = Supervisor(layout)
    try:
        wait_until_ready(layout, supervisor)
        tell(layout, time.monotonic() - started)
        while True:
            time.sleep(1)
            watch(layout, supervisor)
    finally:
        supervisor.stop()
        if layout.sockets.parent != layout.var:
            with suppress(OSError):  # somebody may have put something there
                layout.sockets.rmdir()


def wait_until_ready(layout: Layout, supervisor: Supervisor) -> None:
    """Return once `/readyz` answers 200; at most `READY_SECONDS` seconds."""
    deadline = time.monotonic() + READY_SECONDS
    said = ""
    while time.monotonic() < deadline:
        status, said = readiness(layout)
        if status == 200:
            return
        watch(layout, supervisor)
        time.sleep(0.1)
    raise CannotStart(
        f"The portal was not ready after {READY_SECONDS} seconds (/readyz: {said}):"
        f" the files in {layout.var}/log/ say why."
    )


def readiness(layout: Layout) -> tuple[int, str]:
    """Ask `/readyz`. Returns its status and text, or 0 and why there was no answer."""
    connection = HTTPConnection(layout.reachable, layout.port, timeout=5)
    try:
        connection.request("GET", "/readyz", headers={"Host": "127.0.0.1"})
        answer = connection.getresponse()
        return answer.status, answer.read(500).decode(errors="replace").strip()
    except (OSError, HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def watch(layout: Layout, supervisor: Supervisor) -> None:
    """Raise `CannotStart` when the supervisor has ended or has given a program up."""
    if not supervisor.running:
        raise CannotStart(f"The supervisor ended: {layout.var}/log/supervisord.log says why.")
    if lost := supervisor.given_up():
        raise CannotStart(
            f"The {lost[0]} process keeps ending: {layout.var}/log/{lost[0]}.log says why."
        )


def tell(layout: Layout, seconds: float) -> None:
    """Print what somebody needs to use the portal."""
    print(f"\nThe portal is ready after {seconds:.1f} s: {os.environ['CMED_BASE_URL']}/\n")
    if layout.host != layout.reachable and os.environ["CMED_BASE_URL"] == layout.address:
        print("Other machines are answered once CMED_BASE_URL is the address that they use.\n")
    for account in demo_accounts(layout.var):
        print("  {role:<10} {email:<32} password: {password}".format_map(account))
    print(f"\nMail lands in {layout.var / 'mail'}/. End the portal with Ctrl-C.", flush=True)


def demo_accounts(var: Path) -> list[dict[str, str]]:
    """What `seed_demo` noted down: role, email and password of each account it made."""
    noted = var / "demo-accounts.json"
    return list(json.loads(noted.read_text())["accounts"]) if noted.exists() else []


if __name__ == "__main__":
    sys.exit(main())
