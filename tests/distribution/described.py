"""Archives of made-up members, and their bytes, for the tests of every format."""

import hashlib
import io
import zlib
from datetime import UTC, datetime

from requests_app.distribution.archive import Archive, Member, Slice

MOMENT = datetime(2026, 3, 4, 15, 16, 18, tzinfo=UTC)
GIB = 1 << 30


class Disk:
    """Contents by key, and the archive's bytes made from them."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents
        self.members = [
            Member(
                path,
                len(content),
                zlib.crc32(content),
                hashlib.sha256(content).hexdigest(),
                key=f"key of {path}",
            )
            for path, content in contents.items()
        ]

    def archive(self, **changes) -> Archive:
        return Archive(**{"folder": "d-1.0", "moment": MOMENT, "members": self.members} | changes)

    def render(self, archive: Archive, start: int = 0, stop: int | None = None) -> bytes:
        stop = archive.length if stop is None else stop
        return b"".join(self._piece(piece) for piece in archive.segments(start, stop))

    def _piece(self, piece: bytes | Slice) -> bytes:
        if isinstance(piece, bytes):
            assert piece, "a segment must not be empty"
            return piece
        content = self.contents[piece.key.removeprefix("key of ")]
        assert piece.size == len(content)
        assert piece.start < piece.stop
        return content[piece.start : piece.stop]


class Virtual(io.RawIOBase):
    """An archive as a seekable file whose members, however large, hold only zeros."""

    def __init__(self, archive: Archive) -> None:
        self.archive, self.at = archive, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.archive.length}[whence]
        self.at = base + offset
        return self.at

    def tell(self) -> int:
        return self.at

    def readinto(self, buffer) -> int:
        stop = min(self.at + len(buffer), self.archive.length)
        data = b"".join(
            piece if isinstance(piece, bytes) else bytes(piece.stop - piece.start)
            for piece in self.archive.segments(self.at, stop)
        )
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)


def zeros(path: str, size: int, crc32: int = 0) -> Member:
    return Member(path, size, crc32, "00" * 32, key=path)


def write_sparse(archive: Archive, target) -> None:
    """Write headers where they belong and leave holes for zeros."""
    with target.open("wb") as out:
        for piece in archive.segments(0, archive.length):
            if isinstance(piece, bytes):
                out.write(piece)
            else:
                out.seek(piece.stop - piece.start, io.SEEK_CUR)
        out.truncate(archive.length)
