"""Turning stored files into bytes for a client, in bounded memory.

One local file is a `FileSlice`, which a server can hand to the kernel (sendfile). An archive is a
run of segments, sent in blocks.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Final

from requests_app.distribution.archive import Segment, Slice
from requests_app.distribution.read_ahead import ahead
from requests_app.distribution.storage.base import Source, Storage
from requests_app.distribution.storage.local import FileSlice

__all__ = ["BLOCK", "FileSlice", "open_slice", "stream"]

BLOCK: Final = 256 * 1024
"""Bytes of a block: of local files one download holds no more in memory, give or take one."""

_SMALL: Final = 64 * 1024
"""Bytes that are read and sent sooner than the kernel is told where they lie."""


def open_slice(storage: Storage, part: Slice) -> FileSlice | bytes | Iterator[bytes]:
    """One slice in the form that a server sends best: a local file, unless small, as a FileSlice.

    Raises StorageError when the file is gone or has not its recorded size.
    """
    source = _open(storage, part)
    if not isinstance(source, FileSlice):
        return _blocks(source)
    if part.stop - part.start > _SMALL:
        return source
    return b"".join(_blocks(source))


def stream(storage: Storage, segments: Iterable[Segment]) -> Iterator[bytes]:
    """The bytes of `segments` in order; many small ones share a block of about `BLOCK` bytes.

    A local file is read when its turn comes. From an object store up to `WINDOW` bytes are fetched
    ahead, in ranges of at most `PIECE` bytes side by side. Raises StorageError in the middle when a
    file is not what its record says: a broken connection tells a client the truth, while other
    bytes under the promised length would not.
    """
    blocks = _one_by_one(storage, segments) if storage.in_flight == 1 else ahead(storage, segments)
    waiting: list[bytes] = []
    held = 0
    with closing(blocks):
        for block in blocks:
            waiting.append(block)
            held += len(block)
            if held >= BLOCK:
                yield b"".join(waiting)
                waiting, held = [], 0
    if waiting:
        yield b"".join(waiting)


def _one_by_one(storage: Storage, segments: Iterable[Segment]) -> Generator[bytes, None, None]:
    for segment in segments:
        if isinstance(segment, bytes):
            yield segment
        else:
            yield from _blocks(_open(storage, segment))


def _open(storage: Storage, part: Slice) -> Source:
    return storage.open(part.key, part.start, part.stop, size=part.size, sha256=part.sha256)


def _blocks(source: Source) -> Generator[bytes, None, None]:
    with source:
        while block := source.read(BLOCK):
            yield block
