"""A tar, described instead of made (POSIX.1-2017 `pax`, "ustar Interchange Format").

Every header is the standard library's: ustar where it holds the facts, led by a pax extended header
where a path is longer than 100 bytes or not ASCII, or a size needs more than 33 bits.
"""

import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from requests_app.distribution.archive import Archive, Member

_END: Final = 2 * tarfile.BLOCKSIZE


class TarArchive(Archive):
    """The layout of one tar."""

    suffix = "tar"
    media_type = "application/x-tar"
    layout = b"cmed-tar-1"

    def _lay_out(self, moment: datetime) -> None:
        # Whole seconds: a fraction would cost each member an extended header.
        self._seconds = int(moment.astimezone(UTC).timestamp())

    def _header(self, member: Member, name: bytes) -> bytes:
        facts = tarfile.TarInfo(name.decode())
        facts.size, facts.mtime, facts.mode = member.size, self._seconds, 0o644
        return facts.tobuf(tarfile.PAX_FORMAT)

    def _padding(self, size: int) -> int:
        return -size % tarfile.BLOCKSIZE

    def _lay_out_tail(self) -> int:
        # At least two empty blocks, and up to the record size that tar reads at once.
        return _END + -(self._offsets[-1] + _END) % tarfile.RECORDSIZE

    def _tail(self, start: int, stop: int) -> Iterator[bytes]:
        if start < stop:
            yield bytes(stop - start)
