"""Asking for the sealer once an entry is committed, without a deed that waits for the broker.

One thread of each process asks, at once and then again after a pause if more was committed, so
that thousands of entries cost few messages. An ask that is lost is made good by beat.
"""

import os
import threading
import time
from typing import Final

from requests_app import queue

PAUSE: Final = 2.0
"""Seconds between two asks of a process. Each may make a checkpoint, which is kept for ever."""


class Asker:
    """The thread of one process that asks; it sleeps until something was committed."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._wanted = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="asker", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Has the sealer asked for soon; returns at once."""
        self._wanted.set()

    def close(self) -> None:
        """Ends the thread; what it did not ask for yet is left to beat."""
        self._closed = True
        self._wanted.set()
        self._thread.join()

    def _work(self) -> None:
        while self._wanted.wait() and not self._closed:
            self._wanted.clear()
            queue.hint("audit.seal", expires=2 * PAUSE)
            time.sleep(PAUSE)


_of_process: list[Asker] = []
_lock = threading.Lock()


def ask() -> None:
    """Asks for the sealer from this process; a fork gets a thread of its own."""
    with _lock:
        if not _of_process or _of_process[0].process != os.getpid():
            _of_process[:] = [Asker()]
    _of_process[0].ask()
