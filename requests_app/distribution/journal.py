"""Writing transfers down without a transaction for each.

Request threads hand their row to one writer thread of the process and wait; the writer commits
whatever has gathered in one transaction and wakes them, so that no byte leaves before its row is
durable, and thousands of files cost few commits. Ends are handed over without waiting, and the same
writer settles them. It sleeps until there is work.

What ended and cannot be settled closes the gate: until settling succeeds, this process hands
nothing more out.
"""

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from django.db import DataError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from requests_app.distribution.models import AccessToken
from requests_app.distribution.settling import Ending, settle
from requests_app.distribution.transfers import Transfer
from requests_app.errors import PortalError

logger = logging.getLogger(__name__)

PATIENCE: Final = 30.0
"""Seconds that a request waits for its row."""
LEISURE: Final = 0.2
"""Seconds that an end may wait for others."""
RETRY: Final = 1.0
"""Seconds between two attempts to settle."""
_USED_AGAIN: Final = timedelta(minutes=1)


class GateClosed(PortalError):
    """What is sent cannot be written down, so nothing is sent."""


@dataclass(slots=True)
class _Waiting:
    transfer: Transfer
    answered: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None


class Journal:
    """The rows of one process's transfers on their way into the database."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._changed = threading.Condition()
        self._begun: list[_Waiting] = []
        self._ended: list[Ending] = []
        self._settle_at = 0.0
        self._failing = False
        self._writer: threading.Thread | None = None
        self.closed = False

    def begin(self, transfer: Transfer) -> None:
        """Writes the row of a transfer; when this returns, it is committed and bytes may flow.

        Raises GateClosed or DatabaseError, and then no byte may. Inside a transaction of the
        caller's the row becomes part of that.
        """
        if self._failing:
            raise GateClosed("What was sent before could not be entered into the log.")
        if connection.in_atomic_block:
            _write([transfer])
            return
        waiting = _Waiting(transfer)
        with self._changed:
            self._begun.append(waiting)
            self._wake()
        if not waiting.answered.wait(PATIENCE):
            raise GateClosed("The log took too long.")
        if waiting.error is not None:
            raise waiting.error

    def end(self, ending: Ending) -> None:
        """Has a transfer settled soon; returns at once. Inside a transaction it is settled now."""
        if connection.in_atomic_block:
            settle([ending])
            return
        with self._changed:
            if not self._ended:
                self._settle_at = time.monotonic() + LEISURE
            self._ended.append(ending)
            self._wake()

    def close(self) -> None:
        """Settles what has ended, and ends the writer."""
        with self._changed:
            self.closed = True
            self._changed.notify()
        if self._writer is not None:
            self._writer.join(PATIENCE)

    def _wake(self) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._work, name="journal", daemon=True)
            self._writer.start()
        self._changed.notify()

    def _work(self) -> None:
        try:
            while True:
                begun, ended = self._next()
                if begun:
                    self._commit(begun)
                if ended:
                    self._settle(ended)
                if self.closed and not begun:
                    return
        finally:
            connection.close()

    def _next(self) -> tuple[list[_Waiting], list[Ending]]:
        """What to do now; waits until there is something."""
        with self._changed:
            while not (self._begun or self.closed or self._is_due()):
                left = self._settle_at - time.monotonic() if self._ended else None
                self._changed.wait(left)
            begun, self._begun = self._begun, []
            if not (self.closed or self._is_due()):
                return begun, []
            ended, self._ended = self._ended, []
            return begun, ended

    def _is_due(self) -> bool:
        return bool(self._ended) and time.monotonic() >= self._settle_at

    def _commit(self, begun: list[_Waiting]) -> None:
        try:
            _surely(lambda: _write([waiting.transfer for waiting in begun]))
        except BaseException as error:  # noqa: BLE001 - every request that waits raises it
            if isinstance(error, DataError) and len(begun) > 1:  # one is to blame, and not for all
                for waiting in begun:
                    self._commit([waiting])
                return
            for waiting in begun:
                waiting.error = error
        for waiting in begun:
            waiting.answered.set()

    def _settle(self, ended: list[Ending]) -> None:
        try:
            _surely(lambda: settle(ended))
        except Exception:
            logger.exception("%d transfers could not be entered: the gate is closed", len(ended))
            connection.close()
            with self._changed:
                self._failing = True
                self._ended[:0] = ended
                self._settle_at = time.monotonic() + RETRY
        else:
            self._failing = False


def _write(begun: list[Transfer]) -> None:
    with transaction.atomic(savepoint=False):
        Transfer.objects.bulk_create(begun)
        if used := {each.access_token_id for each in begun if each.access_token_id}:
            now = timezone.now()
            stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _USED_AGAIN)
            AccessToken.objects.filter(stale, pk__in=used).update(last_used_at=now)


def _surely(work: Callable[[], object]) -> None:
    """Once more over a new connection where the old one has gone, as after a restart."""
    try:
        work()
    except (OperationalError, InterfaceError):
        connection.close()
        work()


_lock = threading.Lock()
_of_process: list[Journal] = []


def journal() -> Journal:
    """The journal of this process; a fork, and whoever closed it, gets another."""
    found = _of_process[-1] if _of_process else None
    if found is None or found.process != os.getpid() or found.closed:
        with _lock:
            if not _of_process or _of_process[-1] is found:
                _of_process[:] = [Journal()]
                atexit.register(_of_process[0].close)
            found = _of_process[-1]
    return found
