"""The transfers that this process is sending, and cutting those that may not go on.

Sending a file is the kernel's work at full speed; a watcher asks every few seconds, in one query
for all of them, under which links and tokens bytes may still flow, and hangs up on the others. By
the way it vouches for the rest, so that one whose process was killed is told from a slow one. What
nginx sends for it is looked after as well: who is revoked must not wait for a worker that is busy.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import BigIntegerField, Case, F, When
from django.utils import timezone

from requests_app import conf
from requests_app.distribution import nginx_log
from requests_app.distribution.access import credentials_in_force
from requests_app.distribution.journal import GateClosed
from requests_app.distribution.transfers import Transfer, byte_count, unsettled

logger = logging.getLogger(__name__)

EVERY: Final = 5.0
"""Seconds between two looks."""


@dataclass(slots=True)
class Sending:
    """One transfer under way; `line` is the client's socket, `sent` what is known to have gone.

    Of what the kernel sends by itself (a file in one call) nothing is known before its end.
    """

    transfer_id: UUID
    credential_id: UUID
    line: socket.socket
    was_cut: bool = False
    sent: int = 0


class Watcher:
    """Looks after the transfers of one process, while there are any."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._changed = threading.Condition()
        self._sending: dict[UUID, Sending] = {}
        self._nginx = False
        self._thread: threading.Thread | None = None

    def add(self, transfer: Transfer, line: socket.socket) -> Sending:
        """Look after a transfer from now on. Raises GateClosed where nobody can."""
        credential = transfer.link_id or transfer.access_token_id
        if credential is None:
            raise ValueError("a transfer has a credential")
        sending = Sending(transfer.pk, credential, line)
        with self._changed:
            self._have_thread()
            self._sending[sending.transfer_id] = sending
            if len(self._sending) == 1:
                self._changed.notify()
        return sending

    def watch_nginx(self) -> None:
        """Look after what nginx is given from now on. Raises GateClosed where nobody can."""
        with self._changed:
            self._have_thread()
            if not self._nginx:
                self._nginx = True
                self._changed.notify()

    def _have_thread(self) -> None:
        """Under the lock. Raises GateClosed where there can be none: nothing could be cut off."""
        if self._thread is not None and self._thread.is_alive():
            return
        thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise GateClosed("No thread can be started to watch what is sent.") from error
        self._thread = thread

    def is_full(self) -> bool:
        """Whether this process sends as much as it may and keep threads for everything else."""
        return len(self._sending) >= conf.portal_downloads()

    def remove(self, sending: Sending) -> None:
        """Its last byte has gone, or never will; its line may be another's from now on."""
        with self._changed:
            self._sending.pop(sending.transfer_id, None)

    def look(self) -> None:
        """Cuts what may not go on, vouches for the rest and tells how far they are. Two queries."""
        with self._changed:
            found = list(self._sending.values())
        if not found:
            return
        now = timezone.now()
        lasting = credentials_in_force({each.credential_id for each in found}, now)
        gone = [each for each in found if each.credential_id not in lasting]
        for each in gone:
            self._cut(each)
        ours = unsettled().filter(pk__in=[each.transfer_id for each in found])
        ours.update(seen_at=now, **_sent_so_far(found))

    def look_at_nginx(self) -> None:
        """Has nginx cut what may not go on, while it sends anything."""
        if not self._nginx:
            return
        nginx_log.cut_what_may_not_go_on()
        self._nginx = False  # before it is asked: what begins meanwhile says so again
        if nginx_log.sends():
            self._nginx = True

    def _cut(self, sending: Sending) -> None:
        with self._changed:
            if sending.transfer_id not in self._sending:
                return
            sending.was_cut = True
            try:
                sending.line.shutdown(socket.SHUT_RDWR)
            except OSError:
                logger.debug("the client of %s was gone already", sending.transfer_id)

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not (self._sending or self._nginx):
                    self._changed.wait()
            time.sleep(EVERY)
            try:
                self.look()
                self.look_at_nginx()
            except Exception:
                logger.exception("it is not known which transfers may go on")
                connection.close()


def _sent_so_far(found: Sequence[Sending]) -> dict[str, Case]:
    """For whoever watches a download of hours; what is entered is told at its end alone."""
    told = [When(pk=each.transfer_id, then=byte_count(each.sent)) for each in found if each.sent]
    if not told:
        return {}
    return {"bytes_sent": Case(*told, default=F("bytes_sent"), output_field=BigIntegerField())}


_of_process: list[Watcher] = []
_lock = threading.Lock()


def watcher() -> Watcher:
    """The watcher of this process; a fork has another."""
    with _lock:
        if not _of_process or _of_process[0].process != os.getpid():
            _of_process[:] = [Watcher()]
        return _of_process[0]
