"""Size, SHA-256 and CRC32 of bytes, taken while they are read once."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Digests:
    """``size`` in bytes, ``sha256`` as 64 small hex digits, ``crc32`` unsigned as in ZIP."""

    size: int
    sha256: str
    crc32: int


def digest(source: BinaryIO, *, copy_to: Callable[[bytes], object] | None = None) -> Digests:
    """Read ``source`` to its end; every block also goes to ``copy_to``.

    What is copied is therefore exactly what was hashed, even if the file changes meanwhile.
    """
    size, crc, sha = 0, 0, hashlib.sha256()
    while block := source.read(BLOCK):
        size += len(block)
        crc = zlib.crc32(block, crc)
        sha.update(block)
        if copy_to is not None:
            copy_to(block)
    return Digests(size, sha.hexdigest(), crc)


def digest_file(path: Path) -> Digests:
    """The digests of the file at ``path``; raises ``OSError`` when it cannot be read."""
    with path.open("rb", buffering=0) as source:
        return digest(source)
