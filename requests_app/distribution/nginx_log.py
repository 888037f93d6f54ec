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
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q
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
STARTED: Final = "started"
"""nginx was started when this file was last written."""
_ROOM: Final = 1 << 20  # bytes: some thousand lines
_BATCH: Final = 256 * 1024  # bytes read in one transaction
_STILL: Final = 60.0  # seconds after which nobody writes to a renamed log any more
_LARGEST: Final = 2**63
_WITH_BYTES: Final = frozenset({HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT})
_WITHOUT_BYTES: Final = frozenset(
    {
        HTTPStatus.NOT_MODIFIED,
        HTTPStatus.PRECONDITION_FAILED,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    }
)


class LogPosition(models.Model):
    """How far a log was read: which file it is, and the first byte that was not."""

    name = models.CharField(max_length=100, unique=True)
    inode = models.PositiveBigIntegerField(default=0)
    offset = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} at {self.offset}"


def has_room() -> bool:
    """Whether nginx can log the ends of what it is given; a full disk loses them without a word."""
    folder = conf.nginx_dir()
    if folder is None:
        return True
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize >= _ROOM


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
            return settled + _settle_what_ended_untold(folder)


def cut_what_may_not_go_on() -> int:
    """Has nginx end the transfers whose link, token or grant is not in force; returns how many.

    Each is asked for once. Everybody else who fetches through nginx is interrupted for a moment.
    """
    folder, now = conf.nginx_dir(), timezone.now()
    if folder is None:
        return 0
    rows = unsettled().filter(how=How.NGINX, cut_at=None)
    under = rows.order_by().values_list("link", "access_token").distinct()
    found = {link or token for link, token in under}
    gone = found - credentials_in_force(found, now) if found else set()
    if not gone:
        return 0
    with transaction.atomic():
        asked = rows.filter(Q(link__in=gone) | Q(access_token__in=gone)).update(cut_at=now)
        if asked:  # and not by another meanwhile
            (folder / RELOAD).write_text(f"{now.isoformat()}\n", encoding="ascii")
    return asked


def sends() -> bool:
    """Whether there is anything that nginx was given and has not told the end of."""
    return unsettled().filter(how=How.NGINX).exists()


def _settle_what_ended_untold(folder: Path) -> int:
    """Transfers from before nginx was started and of which its log says nothing: it was killed."""
    file = folder / STARTED
    try:
        started = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except FileNotFoundError:
        return 0
    if started > timezone.now():
        # The clock was set back, so what runs seems to have begun before, and would be neither
        # counted nor cut off. Of what nginx was started in the middle of, nobody knows any more.
        os.utime(file, (0, 0))
        return 0
    left = unsettled().filter(how=How.NGINX, started_at__lt=started)
    return settle(Ending(pk, None, Outcome.UNKNOWN) for pk in left.values_list("pk", flat=True))


@transaction.atomic
def _follow_some(folder: Path) -> tuple[int, bool]:
    """Reads a batch of each log; how many transfers it settled, and whether there may be more.

    The renamed one is read beside the new one: nginx's old workers write to it until they end.
    """
    for name in (LOG, ROTATED):
        LogPosition.objects.get_or_create(name=name)
    locked = LogPosition.objects.select_for_update(no_key=True).order_by("name")
    positions = {position.name: position for position in locked.filter(name__in=(LOG, ROTATED))}
    _follow_the_renaming(folder, positions[LOG], positions[ROTATED])
    texts = [_read(folder, positions[name]) for name in (ROTATED, LOG)]
    count = settle(_endings(b"".join(texts)))
    for position in positions.values():
        position.save()
    return count, any(texts)


def _follow_the_renaming(folder: Path, current: LogPosition, rotated: LogPosition) -> None:
    """A file that was renamed keeps its position, and the one in its place begins at 0."""
    found = {name: _inode(folder / name) for name in (LOG, ROTATED)}
    if found[LOG] and found[LOG] != current.inode:
        if current.inode and current.inode != found[ROTATED]:
            logger.warning("the log of nginx was rotated twice before it was read: ends are lost")
        if current.inode == found[ROTATED]:
            rotated.inode, rotated.offset = current.inode, current.offset
        current.inode, current.offset = found[LOG], 0
    elif not found[LOG] and current.inode and current.inode == found[ROTATED]:
        rotated.inode, rotated.offset = current.inode, current.offset
        current.inode, current.offset = 0, 0
    if found[ROTATED] != rotated.inode:
        rotated.inode, rotated.offset = found[ROTATED], 0


def _inode(file: Path) -> int:
    try:
        return _number(file.stat())
    except FileNotFoundError:
        return 0


def _number(found: os.stat_result) -> int:
    """An inode as the row holds it: some file systems number theirs up to 2**64."""
    return found.st_ino % _LARGEST


def _read(folder: Path, position: LogPosition) -> bytes:
    """The next whole lines of a log; a renamed one that is read and still is removed."""
    file = folder / position.name
    try:
        with file.open("rb") as source:
            found = os.fstat(source.fileno())
            if _number(found) != position.inode:
                return b""  # renamed a moment ago: the next look finds it
            if found.st_size < position.offset:  # emptied in place
                position.offset = 0
            source.seek(position.offset)
            text = source.read(_BATCH)
    except FileNotFoundError:
        return b""
    still = not text and found.st_mtime < time.time() - _STILL
    # Without another in its place nginx could not begin one, and goes on with this one.
    if still and position.name == ROTATED and (folder / LOG).exists():
        transaction.on_commit(lambda: file.unlink(missing_ok=True))
    complete = text[: text.rfind(b"\n") + 1]
    position.offset += len(complete)
    return complete


def _endings(text: bytes) -> Iterator[Ending]:
    for line in text.splitlines():
        try:
            yield _ending(json.loads(line))
        except (ValueError, KeyError, TypeError):
            logger.warning("a line in the log of nginx is none of ours")


def _ending(told: dict[str, str]) -> Ending:
    status, sent, spoken = int(told["status"]), int(told["sent"]), told["range"]
    if not 0 <= sent < _LARGEST or "\0" in spoken:
        raise ValueError("a damaged line")
    outcome = Outcome.COMPLETE if told["completion"] == "OK" else Outcome.BROKEN
    if status in _WITHOUT_BYTES:
        outcome = Outcome.NOTHING
    elif status not in _WITH_BYTES:  # what nginx sent was a page that says why not
        sent, outcome = 0, Outcome.BROKEN
    return Ending(UUID(told["transfer"]), sent, outcome, status, spoken[:80])
