"""No orphan survives the launcher, whatever dies first.

Linux only: elsewhere these functions do nothing, and the supervisor's own clean end has to do.
Source: prctl(2), PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER.
"""

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LINUX = sys.platform == "linux"


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent dies."""
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent() -> None:
    """In a new child: be sent SIGTERM when the parent dies, were it by `kill -9`."""
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def bury(*, spare: int) -> None:
    """Collect the exit of adopted children, leaving that of the child `spare` to its owner."""
    with suppress(ChildProcessError):
        while gone := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if gone.si_pid == spare:
                return
            os.waitpid(gone.si_pid, os.WNOHANG)


def end_adopted(*, seconds: float = 2.0) -> None:
    """Kill, with their process groups, the children this process has left; wait for their end."""
    deadline = time.monotonic() + seconds
    while LINUX and (left := children()) and time.monotonic() < deadline:
        for child in left:
            with suppress(OSError):
                group = os.getpgid(child)
                os.killpg(group, signal.SIGKILL) if group != os.getpgrp() else os.kill(
                    child, signal.SIGKILL
                )
            with suppress(ChildProcessError):
                os.waitpid(child, 0)


def children() -> list[int]:
    """Process ids of this process's children (adopted ones too), read from /proc."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # pid (name) state ppid ...; a name may hold blanks and brackets, so cut at the last one
            if int(status.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(status.parent.name))
    return found
