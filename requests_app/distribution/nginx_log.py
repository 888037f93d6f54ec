"""What nginx says of the transfers it was given: its log is followed, and who may not go on is cut.

nginx writes one line of JSON for each transfer once it has ended (docker/nginx.conf). How far the
log was read is a row, written in the transaction that settles what was read: a line counts once,
whoever reads it and whenever somebody is killed. nginx cannot hang up on one client, so for a
transfer that may not go on it is asked to reload: its old workers end within seconds, and everybody
else's tool continues where it was.
"""

import json
import logging
import os
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone

from requests_app import conf
from requests_app.distribution.access import credentials_in_force
from requests_app.distribution.settling import Ending, settle
from requests_app.distribution.transfers import How, Outcome, unsettled

logger = logging.getLogger(__name__)

LOG: Final = "transfers.log"
ROTATED: Final = f"{LOG}.1"
RELOAD: Final = "reload"
"""nginx reloads when this file is changed."""
_BATCH: Final = 256 * 1024  # bytes read in one transaction
_STILL: Final = 60.0  # seconds after which nobody writes to a renamed log any more
_WITHOUT_BYTES: Final = frozenset(
    {
        HTTPStatus.NOT_MODIFIED,
        HTTPStatus.PRECONDITION_FAILED,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    }
)


class LogPosition(models.Model):
    """How far a log was read: which file it was, and the first byte that was not."""

    name = models.CharField(max_length=100, unique=True)
    inode = models.PositiveBigIntegerField(default=0)
    offset = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} at {self.offset}"


def follow() -> int:
    """Settles every transfer that nginx has logged the end of; returns how many.

    Safe to run at once with itself and to kill. Where there is no log there is nothing to do.
    """
    folder = conf.nginx_dir()
    if folder is None:
        return 0
    settled = 0
    while True:
        count, more = _follow_some(folder)
        settled += count
        if not more:
            return settled


def cut_what_may_not_go_on() -> int:
    """Has nginx end the transfers whose link, token or grant is not in force; returns how many.

    Each is asked for once. Everybody else who fetches through nginx is interrupted for a moment.
    """
    folder, now = conf.nginx_dir(), timezone.now()
    if folder is None:
        return 0
    rows = unsettled().filter(how=How.NGINX, cut_at=None)
    found = {
        pk: link or token for pk, link, token in rows.values_list("pk", "link", "access_token")
    }
    lasting = credentials_in_force(set(found.values()), now) if found else set()
    gone = [pk for pk, credential in found.items() if credential not in lasting]
    if gone:
        with transaction.atomic():
            unsettled().filter(pk__in=gone).update(cut_at=now)
            (folder / RELOAD).write_text(f"{now.isoformat()}\n", encoding="ascii")
    return len(gone)


@transaction.atomic
def _follow_some(folder: Path) -> tuple[int, bool]:
    """Reads one batch; how many transfers it settled, and whether there may be more."""
    LogPosition.objects.get_or_create(name=LOG)
    position = LogPosition.objects.select_for_update().get(name=LOG)
    try:
        with _reopened(folder, position) as source:
            source.seek(position.offset)
            text = source.read(_BATCH)
            complete = text[: text.rfind(b"\n") + 1]
            position.inode = os.fstat(source.fileno()).st_ino
            position.offset += len(complete)
            is_read = not complete and _is_left(folder, source)
    except FileNotFoundError:
        return 0, False
    count = settle(_endings(complete))
    if is_read:  # go on with the file that took its place
        position.inode, position.offset = 0, 0
        transaction.on_commit(lambda: (folder / ROTATED).unlink(missing_ok=True))
    position.save()
    return count, bool(complete) or is_read


def _reopened(folder: Path, position: LogPosition) -> BinaryIO:
    """The file that was read last, even if it was renamed since; else the one that there is."""
    for name in (LOG, ROTATED):
        try:
            source = (folder / name).open("rb")
        except FileNotFoundError:
            continue
        found = os.fstat(source.fileno())
        if found.st_ino == position.inode:
            if found.st_size < position.offset:  # emptied in place
                position.offset = 0
            return source
        source.close()
    if position.inode:
        logger.warning("the log of nginx was rotated twice before it was read: some ends are lost")
    position.offset = 0
    return (folder / LOG).open("rb")


def _is_left(folder: Path, source: BinaryIO) -> bool:
    """Whether that file was renamed and nginx, whose old workers end late, writes to it no more."""
    found = os.fstat(source.fileno())
    try:
        current = (folder / LOG).stat().st_ino
    except FileNotFoundError:  # renamed, and the new one is not opened yet
        return False
    return current != found.st_ino and found.st_mtime < time.time() - _STILL


def _endings(text: bytes) -> Iterator[Ending]:
    for line in text.splitlines():
        try:
            yield _ending(json.loads(line))
        except (ValueError, KeyError, TypeError):
            logger.warning("a line in the log of nginx is none of ours")


def _ending(told: dict[str, str]) -> Ending:
    status, sent = int(told["status"]), int(told["sent"])
    outcome = Outcome.COMPLETE if told["completion"] == "OK" else Outcome.BROKEN
    if status in _WITHOUT_BYTES:
        outcome = Outcome.NOTHING
    return Ending(UUID(told["transfer"]), sent, outcome, status, told["range"][:80])
