"""Turning stored files into bytes for a client, in bounded memory.

One file is a `FileSlice`, which a server can hand to the kernel (sendfile). An archive is a run
of segments, sent in blocks of `BLOCK` bytes.
"""

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

from requests_app.distribution.archive import Segment, Slice
from requests_app.distribution.storage.base import Storage, StorageError

BLOCK: Final = 256 * 1024
"""Bytes of a block: the most of an archive that one download holds in memory, give or take one."""


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

    def read(self, size: int = -1) -> bytes:
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


def open_slice(storage: Storage, part: Slice) -> FileSlice:
    """Open one slice. Raises StorageError when the file is gone or has not its recorded size."""
    stored = storage.open(part.key)
    found = os.fstat(stored.fileno()).st_size
    if found == part.size:
        return FileSlice(stored, part.start, part.stop)
    stored.close()
    raise StorageError(f"{part.key!r} has {found} bytes where its record says {part.size}.")


def stream(storage: Storage, segments: Iterable[Segment]) -> Iterator[bytes]:
    """The bytes of `segments` in blocks of about `BLOCK` bytes; many small ones share a block.

    Raises StorageError in the middle when a file is not what its record says: a broken connection
    tells a client the truth, while other bytes under the promised length would not.
    """
    waiting: list[bytes] = []
    held = 0
    for segment in segments:
        for block in (segment,) if isinstance(segment, bytes) else _blocks(storage, segment):
            waiting.append(block)
            held += len(block)
            if held >= BLOCK:
                yield b"".join(waiting)
                waiting, held = [], 0
    if waiting:
        yield b"".join(waiting)


def _blocks(storage: Storage, part: Slice) -> Iterator[bytes]:
    source = open_slice(storage, part)
    try:
        while block := source.read(BLOCK):
            yield block
    finally:
        source.close()
