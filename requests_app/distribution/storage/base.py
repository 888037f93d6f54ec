"""What a store of files must be able to do. Keys come from rows, never from a request."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Final, Protocol, Self

from requests_app.datasets.digests import Digests
from requests_app.errors import PortalError

PRESIGNED_SECONDS: Final = 300
"""The longest that a presigned URL lives; what is revoked may still be fetched for so long."""


class StorageError(PortalError):
    """The store cannot do it: a key it refuses, a file it lacks, bytes that are not all there."""


@dataclass(frozen=True, slots=True)
class Stat:
    """What the store knows of a file without reading it.

    ``size`` in bytes; ``sha256`` in hexadecimal where the store has computed it itself from what
    it holds, otherwise None.
    """

    size: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class LocalPath:
    """The file lies at ``path`` below the store's root: steps of a key, with `/`, not encoded."""

    path: str


@dataclass(frozen=True, slots=True)
class PresignedUrl:
    """Whoever has ``url`` can fetch the file for ``seconds``, under the right name and type."""

    url: str
    seconds: int


Handover = LocalPath | PresignedUrl | None
"""How bytes can be handed out without passing through Python; None where they cannot."""


def steps(key: str) -> list[str]:
    """The steps of a key; anything but plain names between single slashes is a StorageError."""
    found = key.split("/")
    if not {"", ".", ".."}.isdisjoint(found) or "\\" in key or "\0" in key:
        raise StorageError(f"{key[:200]!r} cannot be a key of the store.")
    return found


class Source(Protocol):
    """Bytes to be read once, in order. Where it has a ``fileno`` it can be sent by sendfile."""

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes of what is left (all of it when negative), empty at the end.

        Raises StorageError when there are fewer than were promised.
        """

    def close(self) -> None:
        """Let go of the file or the connection; may be called twice."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Draft(Protocol):
    """A release that is being put together; nobody is shown any of it before its rows exist."""

    def threads(self, size: float) -> int:
        """How many threads may well `write` at once files of ``size`` bytes on average."""

    def write(self, path: str, source: BinaryIO) -> Digests:
        """Store what ``source`` holds and return what it was; from several threads at once.

        ``path`` must be one that a walk of the release's folder found. Raises ``OSError`` or
        StorageError when not all of it is stored, Conflict when other content lies there.
        """

    def settle(self) -> None:
        """Called once after the last `write`; afterwards all of it is stored durably."""

    def place(self) -> None:
        """Called last, inside the transaction that creates the rows, which then commits."""


class Storage(Protocol):
    """Immutable files under keys such as `cmed/1.0/clips/0001.mp4`. Safe to use from threads."""

    in_flight: int
    """How many reads at once make an archive faster; 1 where one after the other is as fast."""

    def open(
        self,
        key: str,
        start: int = 0,
        stop: int | None = None,
        *,
        size: int | None = None,
        sha256: str = "",
    ) -> Source:
        """The bytes `[start, stop)` of the file, to its end when ``stop`` is None.

        Raises StorageError when there is no such file, or it has not ``size`` bytes where given, or
        the store knows without reading that it is not the file of that ``sha256``.
        """

    def stat(self, key: str) -> Stat:
        """What is known of the file. Raises StorageError when there is none."""

    def size(self, key: str) -> int:
        """Bytes of the file. Raises StorageError when there is none."""

    def exists(self, key: str) -> bool:
        """Whether there is a file under the key. Raises StorageError for a key it refuses."""

    def put(self, key: str, source: BinaryIO) -> int:
        """Store what `source` holds and return its bytes; nothing is visible until all is there.

        `source` must be seekable: an object store is told the digest before the bytes. Raises
        StorageError when the key is taken: a published file never changes.
        """

    def keys(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Key and bytes of every file below the folder ``prefix``, in no order."""

    def handover(self, key: str, *, name: str, media_type: str) -> Handover:
        """How a client can be given the file by somebody else (nginx, the object store).

        ``name`` and ``media_type`` are what the client is told; they are part of a presigned URL,
        and the caller's business for a local path. Does not look whether the file is there. Raises
        StorageError for a key it refuses.
        """

    def draft(self, prefix: str, *, replace: bool = False) -> AbstractContextManager[Draft]:
        """Begin to put a release together below the folder ``prefix``.

        What an unfinished attempt left there is used again where it is the same, and replaced or
        removed only with ``replace`` where it is not. The caller publishes a prefix only once.
        """
