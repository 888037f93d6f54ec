"""Prepare this machine for the portal, then hand over to a command.

    python3 cmed_portal/embedded/bootstrap.py [--dev] [--browser] [-- ARGUMENTS...]

Makes `.venv`, installs the pinned and hashed requirements into it and has `machine.py` look for
the system's own packages. Then it becomes `.venv/bin/python ARGUMENTS...`, with the same process
id, so a signal sent to it reaches the command. What is already there is left alone: the second run
takes a tenth of a second.

It is run by its path with the system's Python, before anything is installed: standard library only,
and readable by Pythons older than the one it asks for, so that they can say so.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".requirements.json"
RUN, DEV = "requirements.txt", "requirements-dev.txt"  # the second holds all of the first
OLDEST, NEWEST_KNOWN = 11, 14


class CannotPrepare(Exception):
    """Holds the sentence that says what the person at the keyboard can do."""


def main(arguments: list[str]) -> int:
    """Prepare, then become the command asked for. Returns an exit code where there is none."""
    parser = argparse.ArgumentParser(description="Prepare this machine for the portal.")
    parser.add_argument("--dev", action="store_true", help="also what checks and tests need")
    parser.add_argument("--browser", action="store_true", help="also what browser tests need")
    parser.add_argument("command", nargs="*", help="arguments of .venv/bin/python")
    options = parser.parse_args(arguments)
    try:
        with (ROOT / RUN).open("rb") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)  # two set-ups at once take turns
            prepare(DEV if options.dev else RUN, browser=options.browser)
    except CannotPrepare as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. Run it again to go on from here.", file=sys.stderr)
        return 130
    if options.command:
        sys.stdout.flush()
        os.execv(VENV_PYTHON, [str(VENV_PYTHON), *options.command])  # noqa: S606 - no shell is meant
    return 0


def prepare(requirements: str, *, browser: bool) -> None:
    """Bring `.venv` and the system's packages to what `requirements` (a file name) needs."""
    if not installed(requirements):
        make_venv()
        install(requirements)
    wanted = ["run", *(["dev"] if requirements == DEV else []), *(["browser"] if browser else [])]
    look_at_machine(str(VENV_PYTHON), *wanted)


def installed(requirements: str) -> bool:
    """Whether `.venv` works and was filled from this very text of the requirements."""
    if not VENV_PYTHON.exists():
        return False
    try:
        return bool(json.loads(STAMP.read_text())[requirements] == digest(requirements))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def digest(requirements: str) -> str:
    """SHA-256 of a requirements file, in hexadecimal."""
    try:
        return hashlib.sha256((ROOT / requirements).read_bytes()).hexdigest()
    except OSError:
        raise CannotPrepare(
            f"{requirements} is missing or unreadable in {ROOT}: restore it with"
            f" `git checkout {requirements}`."
        ) from None


def make_venv() -> None:
    """Create `.venv`, or create it again if it does not answer."""
    if (
        VENV_PYTHON.exists()
        and not subprocess.run(
            [VENV_PYTHON, "-m", "pip", "--version"], stdout=subprocess.DEVNULL, check=False
        ).returncode
    ):
        return
    python = suitable_python()
    look_at_machine(python, "venv")
    print(f"Creating .venv with {python}", flush=True)
    made = subprocess.run([python, "-m", "venv", "--clear", str(VENV)], check=False)
    if made.returncode:
        raise CannotPrepare(
            f"{python} could not create {VENV}: see above, and check that you may write there."
        )


def suitable_python() -> str:
    """Path of a Python that is new enough: this one, or else the newest found on PATH."""
    if sys.version_info >= (3, OLDEST):
        return sys.executable
    for minor in range(NEWEST_KNOWN, OLDEST - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and not subprocess.run([found, "-c", ""], check=False).returncode:
            return found
    raise CannotPrepare(
        f"The portal needs Python 3.{OLDEST} or newer, and this is {sys.version_info[0]}."
        f"{sys.version_info[1]}: install a newer one, so that python3.{OLDEST} or higher is on your"
        " PATH, and run this again."
    )


def install(requirements: str) -> None:
    """Install the file with uv (seconds) or, where that cannot be had, with pip (a minute)."""
    print(f"Installing {requirements} into .venv", flush=True)
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "PIP_USER": "0"}
    environment.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    if ssl.get_default_verify_paths().cafile:  # an institution's own authority may be among them
        environment.setdefault("UV_SYSTEM_CERTS", "true")
    hashed = ["install", "--require-hashes", "--quiet", "-r"]
    pip, uv = ([str(VENV_PYTHON), "-m", *tool] for tool in (["pip"], ["uv", "pip"]))
    installer = [*pip, *hashed, str(HERE / "installer.txt"), "--only-binary", ":all:", "--quiet"]
    quick = [*uv, *hashed, requirements, "--python", str(VENV_PYTHON), "--compile-bytecode"]

    def run(command: list[str]) -> bool:
        return not subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode

    if not (run(installer) and run(quick)):
        print("That did not work; trying with pip alone, which takes longer", flush=True)
        if not run([*pip, *hashed, requirements]):
            raise CannotPrepare(
                f"{requirements} could not be installed: see above, and check the connection to"
                " your package index."
            )
    done = [RUN, DEV] if requirements == DEV else [RUN]
    STAMP.write_text(json.dumps({name: digest(name) for name in done}))


def look_at_machine(python: str, *groups: str) -> None:
    """Have `machine.py` look for, and where it may install, the groups' system packages."""
    looked = subprocess.run([python, "-I", str(HERE / "machine.py"), *groups], check=False)
    if looked.returncode:
        raise SystemExit(looked.returncode)  # it has said why


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
