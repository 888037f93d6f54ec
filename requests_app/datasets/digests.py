"""Size, SHA-256 and CRC32 of bytes, taken while they are read once."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import BinaryIO

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Digests:
    """``size`` in bytes, ``sha256`` as 64 small hex digits, ``crc32`` unsigned as in ZIP."""

    size: int
    sha256: str
    crc32: int


class DigestingReader:
    """Reads on behalf of a copier and digests what passes through.

    What was copied is therefore exactly what was digested, even if the file changes meanwhile.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._sha256 = hashlib.sha256()
        self._size = 0
        self._crc32 = 0

    def read(self, size: int = BLOCK, /) -> bytes:
        """The next bytes of the source, at most ``size``; nothing at its end."""
        block = self._source.read(size)
        self._size += len(block)
        self._crc32 = zlib.crc32(block, self._crc32)
        self._sha256.update(block)
        return block

    @property
    def digests(self) -> Digests:
        """The digests of all that was read so far."""
        return Digests(self._size, self._sha256.hexdigest(), self._crc32)
