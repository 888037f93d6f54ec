"""Turning stored files into bytes for a client, in bounded memory.

One file is a `FileSlice`, which a server can hand to the kernel (sendfile). An archive is a run
of segments, sent in blocks of `BLOCK` bytes.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from requests_app.distribution.archive import Segment, Slice
from requests_app.distribution.storage.base import Source, Storage
from requests_app.distribution.storage.local import FileSlice

__all__ = ["BLOCK", "FileSlice", "open_slice", "stream"]

BLOCK: Final = 256 * 1024
"""Bytes of a block: the most of an archive that one download holds in memory, give or take one."""


def open_slice(storage: Storage, part: Slice) -> FileSlice | Iterator[bytes]:
    """One slice in the form that a server sends best: a FileSlice where there is a local file.

    Raises StorageError when the file is gone or has not its recorded size.
    """
    source = _open(storage, part)
    return source if isinstance(source, FileSlice) else _blocks(source)


def stream(storage: Storage, segments: Iterable[Segment]) -> Iterator[bytes]:
    """The bytes of `segments` in blocks of about `BLOCK` bytes; many small ones share a block.

    Raises StorageError in the middle when a file is not what its record says: a broken connection
    tells a client the truth, while other bytes under the promised length would not.
    """
    waiting: list[bytes] = []
    held = 0
    for segment in segments:
        for block in (segment,) if isinstance(segment, bytes) else _blocks(_open(storage, segment)):
            waiting.append(block)
            held += len(block)
            if held >= BLOCK:
                yield b"".join(waiting)
                waiting, held = [], 0
    if waiting:
        yield b"".join(waiting)


def _open(storage: Storage, part: Slice) -> Source:
    return storage.open(part.key, part.start, part.stop, size=part.size)


def _blocks(source: Source) -> Iterator[bytes]:
    with source:
        while block := source.read(BLOCK):
            yield block
