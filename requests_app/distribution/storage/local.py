"""Published files in a folder of this machine.

A key is walked one step at a time below an open root folder, and no step may be a symbolic link, so
neither a strange key nor a link somebody laid into the folder can lead outside it, not even when it
is swapped while we look (openat and O_NOFOLLOW, POSIX.1-2017).
"""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, cast

from requests_app.distribution.storage import staging
from requests_app.distribution.storage.base import Draft, LocalPath, Stat, StorageError, steps

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a pipe somebody laid there must fail on inspection, not hang the thread.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class FileSlice:
    """The bytes `[start, stop)` of an open file, as a readable that knows its descriptor.

    The descriptor stands at `start`: a WSGI server that finds `fileno` sends from there, for as
    many bytes as Content-Length says; any other reads and gets no byte beyond `stop`.
    """

    def __init__(self, stored: BinaryIO, start: int, stop: int) -> None:
        stored.seek(start)
        self._stored = stored
        self._left = stop - start

    def fileno(self) -> int:
        """Descriptor of the file, positioned at the next byte."""
        return self._stored.fileno()

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes of what is left, empty at the end."""
        wanted = self._left if size < 0 else min(size, self._left)
        block = self._stored.read(wanted)
        if len(block) == 0 < wanted:
            raise StorageError("A stored file is shorter than its record says.")
        self._left -= len(block)
        return block

    def close(self) -> None:
        """Close the file."""
        self._stored.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class LocalStorage:
    """A store below `root`; see the Storage protocol. The root itself may be a link."""

    in_flight = 1

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(
        self,
        key: str,
        start: int = 0,
        stop: int | None = None,
        *,
        size: int | None = None,
        sha256: str = "",
    ) -> FileSlice:
        """The bytes `[start, stop)` of the file under `key`; a folder keeps no checksums."""
        stored = self._open(key)
        found = os.fstat(stored.fileno()).st_size
        if size is None or size == found:
            return FileSlice(stored, start, found if stop is None else stop)
        stored.close()
        raise StorageError(f"{key!r} has {found} bytes where its record says {size}.")

    def stat(self, key: str) -> Stat:
        """Bytes of the file under `key`, and nothing more."""
        return Stat(self.size(key))

    def size(self, key: str) -> int:
        """Bytes of the file under `key`."""
        with self._open(key) as stored:
            return os.fstat(stored.fileno()).st_size

    def exists(self, key: str) -> bool:
        """Whether there is a plain file under `key`."""
        steps(key)
        try:
            self.size(key)
        except StorageError:
            return False
        return True

    def put(self, key: str, source: BinaryIO) -> int:
        """Write beside the key, then link into place, which fails when the key is taken."""
        *folders, name = steps(key)
        draft = f".{secrets.token_hex(8)}.part"
        with self._folder(folders, key, create=True) as folder:
            try:
                with _translated(key), _create(draft, folder) as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                    written = target.tell()
                with _translated(key):
                    os.link(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=folder)
        return written

    def keys(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Every file below the folder, links and pipes included: they are none of ours."""
        steps(prefix)
        for folder, _, names in os.walk(self._root / prefix):
            for path in (Path(folder, name) for name in names):
                yield path.relative_to(self._root).as_posix(), path.lstat().st_size

    def handover(self, key: str, *, name: str, media_type: str) -> LocalPath:
        """The key itself: it is the path below the root."""
        steps(key)
        return LocalPath(key)

    def draft(self, prefix: str, *, replace: bool = False) -> AbstractContextManager[Draft]:
        """A staging folder; what an unfinished attempt left makes way, ``replace`` or not."""
        steps(prefix)
        return staging.drafted(self._root, prefix)

    def _open(self, key: str) -> BinaryIO:
        *folders, name = steps(key)
        with self._folder(folders, key) as folder, _translated(key):
            descriptor = os.open(name, _READ, dir_fd=folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise StorageError(f"{key!r} is not a plain file in the store.")
        return cast("BinaryIO", os.fdopen(descriptor, "rb", buffering=0))

    @contextmanager
    def _folder(self, below_root: list[str], key: str, *, create: bool = False) -> Iterator[int]:
        """Descriptor of the folder that holds the key."""
        with _translated(key):
            if create:
                self._root.mkdir(parents=True, exist_ok=True)
            here = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for step in below_root:
                with _translated(key):
                    if create:
                        with suppress(FileExistsError):
                            os.mkdir(step, 0o750, dir_fd=here)
                    below = os.open(step, _FOLDER, dir_fd=here)
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)


def _create(name: str, folder: int) -> BinaryIO:
    return cast("BinaryIO", os.fdopen(os.open(name, _CREATE, 0o640, dir_fd=folder), "wb"))


@contextmanager
def _translated(key: str) -> Iterator[None]:
    """Give every refusal of the file system one shape; a full disk or a bad disk stays itself."""
    try:
        yield
    except FileExistsError as error:
        raise StorageError(f"There is already a file {key!r} in the store.") from error
    except FileNotFoundError as error:
        raise StorageError(f"There is no file {key!r} in the store.") from error
    except OSError as error:
        raise StorageError(f"The store cannot reach {key!r}: {error.strerror}.") from error
