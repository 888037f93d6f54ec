"""A folder beside the published files in which a release is put together, unseen.

It lies on the same file system, so placing the finished release is one rename. Each staging folder
is locked by the process that fills it (flock); what a killed process left behind is found unlocked
and removed by the next one.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, cast

from requests_app.datasets.digests import DigestingReader, Digests
from requests_app.distribution.storage.base import Draft

STAGING: Final = ".staging"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_THREADS: Final = 8
_WORTH_A_THREAD: Final = 32 * 1024


class StagedRelease:
    """A Draft in a staged folder, which becomes the release in one rename."""

    def __init__(self, folder: Path, root: Path, prefix: str) -> None:
        self._folder, self._root, self._prefix = folder, root, prefix

    def threads(self, size: float) -> int:
        """One for each core, or none beside: small files are over before one could help."""
        return min(_MOST_THREADS, os.cpu_count() or 1) if size >= _WORTH_A_THREAD else 1

    def write(self, path: str, source: BinaryIO) -> Digests:
        """Copy into the folder, digesting what passes."""
        reader = DigestingReader(source)
        write(self._folder, path, cast("BinaryIO", reader))
        return reader.digests

    def settle(self) -> None:
        """Have the disk hold it."""
        settle()

    def place(self) -> None:
        """Rename the folder to where the release lies."""
        place(self._folder, self._root, self._prefix)


@contextmanager
def drafted(root: Path, prefix: str) -> Iterator[Draft]:
    """A Draft in a staged folder of its own."""
    with staged(root) as folder:
        yield StagedRelease(folder, root, prefix)


@contextmanager
def staged(root: Path) -> Iterator[Path]:
    """A fresh, empty folder below ``root``; whatever of it was not placed is removed at the end."""
    staging = root / STAGING
    staging.mkdir(mode=0o750, parents=True, exist_ok=True)
    room = staging / secrets.token_hex(8)
    with _opened(staging) as all_rooms:
        # Held until our room is locked, so that nobody takes it for an abandoned one.
        fcntl.flock(all_rooms, fcntl.LOCK_EX)
        _remove_abandoned(staging)
        room.mkdir(mode=0o750)
        lock = os.open(room, _FOLDER)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        folder = room / "release"
        folder.mkdir(mode=0o750)
        yield folder
    finally:
        shutil.rmtree(room, ignore_errors=True)
        os.close(lock)


def write(folder: Path, path: str, source: BinaryIO) -> None:
    """Write what ``source`` holds under ``path`` in a staged folder; nobody sees it before `place`.

    ``path`` must be one that a walk of the release's folder found. Raises ``OSError`` as it comes:
    a full disk, or a path that is taken.
    """
    target = folder / path
    try:
        made = os.open(target, _CREATE, 0o640)
    except FileNotFoundError:
        target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        made = os.open(target, _CREATE, 0o640)
    # Buffered, because a raw write may take only part of a block when the disk is nearly full.
    with os.fdopen(made, "wb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)


def settle() -> None:
    """Have the system write to disk what was staged: one call for all files, not one for each."""
    os.sync()


def place(folder: Path, root: Path, prefix: str) -> None:
    """Make the staged ``folder`` the files under ``prefix``, in one step.

    The caller holds the lock that keeps others from publishing the same release and knows that no
    row names it: files already there are what a publication left that ended before its commit, and
    make way.
    """
    target = root.joinpath(*prefix.split("/"))
    target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    if target.exists():
        target.rename(folder.parent / "abandoned")
    folder.rename(target)
    _sync_folder(target.parent)


def _remove_abandoned(staging: Path) -> None:
    for room in staging.iterdir():
        # Gone already, or locked by the process that fills it (or no folder, and none of ours).
        with (
            suppress(FileNotFoundError, NotADirectoryError, BlockingIOError),
            _opened(room) as lock,
        ):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(room, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    with _opened(folder) as descriptor:
        os.fsync(descriptor)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """A descriptor of the folder; closing it releases its lock."""
    descriptor = os.open(folder, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
