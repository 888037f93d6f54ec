"""Fetching an archive's pieces from an object store side by side, and giving them out in order."""

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from typing import Final

from requests_app.distribution.archive import Segment, Slice
from requests_app.distribution.storage.base import Storage

PIECE: Final = 2 << 20
"""The most bytes that one request asks for."""

WINDOW: Final = 12 << 20
"""The most bytes that one download holds: fetched or being fetched, and not yet taken."""

_THREADS: Final = 32


def ahead(storage: Storage, segments: Iterable[Segment]) -> Generator[bytes, None, None]:
    """The bytes of `segments` in order, each at most `PIECE` long.

    No more is fetched ahead than `WINDOW` bytes and `storage.in_flight` small files, each with the
    header before it; a client that stops taking stops the fetching. Raises StorageError where a
    piece cannot be had, after what lies before it.
    """
    pieces = _cut(segments)
    waiting: deque[tuple[int, Future[bytes] | bytes]] = deque()
    held, upcoming = 0, next(pieces, None)
    try:
        while upcoming is not None or waiting:
            while upcoming is not None and len(waiting) < 2 * storage.in_flight:
                size = _size(upcoming)
                if waiting and held + size > WINDOW:
                    break
                waiting.append((size, _fetched(storage, upcoming)))
                held, upcoming = held + size, next(pieces, None)
            size, first = waiting.popleft()
            yield first if isinstance(first, bytes) else first.result()
            del first
            held -= size
    finally:
        for _, left in waiting:
            if isinstance(left, Future):
                left.cancel()


def _cut(segments: Iterable[Segment]) -> Iterator[Segment]:
    for segment in segments:
        if isinstance(segment, bytes):
            yield segment
            continue
        for start in range(segment.start, segment.stop, PIECE):
            yield replace(segment, start=start, stop=min(start + PIECE, segment.stop))


def _size(piece: Segment) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.stop - piece.start


def _fetched(storage: Storage, piece: Segment) -> Future[bytes] | bytes:
    if isinstance(piece, bytes):
        return piece
    return _threads(os.getpid()).submit(_fetch, storage, piece)


def _fetch(storage: Storage, part: Slice) -> bytes:
    with storage.open(
        part.key, part.start, part.stop, size=part.size, sha256=part.sha256
    ) as source:
        return source.read()


@lru_cache(maxsize=1)
def _threads(process: int) -> ThreadPoolExecutor:
    """The threads that fetch for every download of this process; a fork starts its own."""
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="read-ahead")
