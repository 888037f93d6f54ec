"""Writing transfers down without a transaction for each.

Request threads wait until their row is committed, so that no byte leaves before it is durable;
whatever has gathered meanwhile is one commit. Ends are handed over without waiting to a thread of
the process that settles them, many in one transaction. It sleeps until there is work.

What ended and cannot be settled closes the gate: until settling succeeds, this process hands
nothing more out. So does settling that hangs, and a thread that cannot be started.
"""

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import timedelta
from typing import Final

from django.db import (
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import Q
from django.utils import timezone

from requests_app.distribution.gathering import Gathered
from requests_app.distribution.models import AccessToken
from requests_app.distribution.settling import Ending, settle
from requests_app.distribution.transfers import SMALL, Outcome, Transfer
from requests_app.errors import PortalError
from requests_app.inserting import insert

logger = logging.getLogger(__name__)

PATIENCE: Final = 30.0
"""Seconds that ends may take to be settled: then the gate is closed, and who ends waits no more."""
LEISURE: Final = 1.0
"""Seconds that the end of a small transfer may wait for others."""
SOON: Final = 0.2
"""Seconds that any other may: until it is settled it counts as running."""
RETRY: Final = 1.0
"""Seconds between two attempts to settle."""
_USED_AGAIN: Final = timedelta(minutes=1)
_ITS_OWN_FAULT: Final = (DataError, IntegrityError, TypeError, ValueError)


class GateClosed(PortalError):
    """What is sent cannot be written down, so nothing is sent."""


class Journal:
    """The rows of one process's transfers on their way into the database."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._begun: Gathered[None, Transfer, Exception] = Gathered(
            lambda _, begun: _write_all(begun)
        )
        self._changed = threading.Condition()
        self._ended: list[Ending] = []
        self._settle_at = 0.0
        self._waits_since: float | None = None
        self._failing = False
        self._settler: threading.Thread | None = None
        self.closed = False

    def begin(self, transfer: Transfer) -> None:
        """Writes the row of a transfer; when this returns, it is committed and bytes may flow.

        Raises GateClosed or DatabaseError, and then no byte may. Inside a transaction of the
        caller's the row becomes part of that.
        """
        if not connection.in_atomic_block:
            self._have_settler()
        since = self._waits_since
        if self._failing or (since is not None and time.monotonic() - since > PATIENCE):
            raise GateClosed("What was sent before could not be entered into the log.")
        try:
            refused = self._begun.answer(None, transfer)
        except Error:
            self._is_not_sent(transfer)
            raise
        if refused is not None:
            self._is_not_sent(transfer)
            raise refused

    def _is_not_sent(self, transfer: Transfer) -> None:
        """Its row may be there all the same: committed by a database that went before it said so.

        Nobody else would tell its end.
        """
        if not connection.in_atomic_block:
            self.end(Ending(transfer.pk, 0, Outcome.NOTHING))

    def end(self, ending: Ending, *, promised: int = 0) -> None:
        """Has a transfer of so many bytes settled soon; returns at once.

        Inside a transaction it is settled now.
        """
        if connection.in_atomic_block:
            settle([ending])
            return
        with self._changed:
            due = time.monotonic() + (LEISURE if promised <= SMALL else SOON)
            if not self._ended or due < self._settle_at:
                self._settle_at = due
                self._changed.notify()
            self._ended.append(ending)
            if self._waits_since is None:
                self._waits_since = time.monotonic()
            with suppress(GateClosed):  # it is kept, and whoever begins next finds the gate closed
                self._have_settler()

    def close(self) -> None:
        """Settles what has ended, and ends the thread."""
        with self._changed:
            self.closed = True
            self._changed.notify()
        if self._settler is not None:
            self._settler.join(PATIENCE)

    def _have_settler(self) -> None:
        """Raises GateClosed where there can be none: what began could never be settled."""
        if self._settler is not None and self._settler.is_alive():
            return
        with self._changed:
            if self._settler is not None and self._settler.is_alive():
                return
            settler = threading.Thread(target=self._work, name="settler", daemon=True)
            try:
                settler.start()
            except RuntimeError as error:
                raise GateClosed("No thread can be started to enter what is sent.") from error
            self._settler = settler

    def _work(self) -> None:
        try:
            while ended := self._next():
                self._settle(ended)
                if self.closed and self._failing:
                    return
        finally:
            connection.close()

    def _next(self) -> list[Ending]:
        """What to settle now; waits until there is something. Nothing when that was all."""
        with self._changed:
            while not (self.closed or self._is_due()):
                self._changed.wait(self._settle_at - time.monotonic() if self._ended else None)
            ended, self._ended = self._ended, []
            return ended

    def _is_due(self) -> bool:
        return bool(self._ended) and time.monotonic() >= self._settle_at

    def _settle(self, ended: list[Ending]) -> None:
        try:
            _surely(lambda: settle(ended))
        except BaseException:
            with self._changed:
                self._failing = True
                self._ended[:0] = ended
                self._settle_at = time.monotonic() + RETRY
            logger.exception("%d transfers could not be entered: the gate is closed", len(ended))
            connection.close()
        else:
            with self._changed:
                self._failing = False
                self._waits_since = time.monotonic() if self._ended else None


def _write_all(begun: list[Transfer]) -> dict[Transfer, Exception]:
    """Commits them; returns those that cannot be written, whose fault is not the others'."""
    try:
        _surely(lambda: _write(begun))
    except _ITS_OWN_FAULT as error:
        if len(begun) == 1:
            return {begun[0]: error}
        return {each: why for one in begun for each, why in _write_all([one]).items()}
    return {}


def _write(begun: list[Transfer]) -> None:
    with transaction.atomic(savepoint=False):
        insert(begun)
        if used := {each.access_token_id for each in begun if each.access_token_id}:
            now = timezone.now()
            stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _USED_AGAIN)
            AccessToken.objects.filter(stale, pk__in=used).update(last_used_at=now)


def _surely(work: Callable[[], object]) -> None:
    """Once more over a new connection where the old one has gone, as after a restart."""
    # A transaction of the caller's may have the database already, and who waits for that the lock.
    is_free = connection.vendor == "sqlite" and not connection.in_atomic_block
    with _one_writer if is_free else nullcontext():
        try:
            work()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block:
                raise
            connection.close()
            work()


# SQLite has one writer, and who finds it busy sleeps for longer than it is.
_one_writer = threading.Lock()
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
