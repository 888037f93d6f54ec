"""A stored ZIP of a whole release, described instead of made (PKWARE APPNOTE 6.3.10).

Nothing is compressed and every size, CRC-32 and digest is known from the time of publishing, so the
archive is an arithmetic of pieces: headers that are computed and files that are copied. Its exact
length follows without reading a clip, and any byte range can be produced without what lies before.

The same members, folder and moment always give the same bytes. ZIP64 records are used only where a
size, an offset or the number of members needs them.
"""

import hashlib
import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

LAYOUT: Final = b"cmed-zip-1"
"""Version of the byte layout below; a change of layout must change it, and with it every ETag."""

MAX_16: Final = 0xFFFF
MAX_32: Final = 0xFFFFFFFF

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")

_UTF8_NAMES = 1 << 11
_STORED = 0
_NEEDS_20, _NEEDS_45 = 20, 45
_MADE_BY_UNIX = 3 << 8 | _NEEDS_45
_PLAIN_FILE = 0o100644 << 16
_EXTRA_64 = 1


class Member(NamedTuple):
    """One file of the archive: its path below the top folder and the facts of its content.

    `size` in bytes, `crc32` as an unsigned number, `sha256` in hexadecimal. The content is
    `inline` where given, otherwise the stored file `key`.
    """

    path: str
    size: int
    crc32: int
    sha256: str
    key: str = ""
    inline: bytes | None = None


def text_member(path: str, content: bytes) -> Member:
    """A member whose content is held in memory (a manifest, a note)."""
    digest = hashlib.sha256(content).hexdigest()
    return Member(path, len(content), zlib.crc32(content), digest, inline=content)


@dataclass(frozen=True, slots=True)
class Slice:
    """The bytes `[start, stop)` of one stored file; `size` is what the whole file must have.

    `sha256` in hexadecimal is that of the whole file; empty where the caller does not know it.
    """

    key: str
    start: int
    stop: int
    size: int
    sha256: str = ""


Segment = bytes | Slice


class Archive:
    """The layout of one archive: its members and where each begins. Immutable, so thread-safe."""

    def __init__(self, *, folder: str, moment: datetime, members: Sequence[Member]) -> None:
        """Lay `members` out in their order below `folder/`, all dated `moment` (UTC).

        Raises ValueError for a path that must not be in an archive or is there twice.
        """
        self._members = members
        self._stamp = _dos_stamp(moment)
        self._names = [f"{folder}/{member.path}".encode() for member in members]
        _refuse_unsafe(self._names)
        local, central = array("Q", [0]), array("Q", [0])
        tags = hashlib.sha256(LAYOUT)
        for member, name in zip(members, self._names, strict=True):
            record = self._central_record(member, name, local[-1])
            tags.update(record + member.sha256.encode())
            local.append(local[-1] + self._header_size(member, name) + member.size)
            central.append(central[-1] + len(record))
        self._local, self._central = local, central
        self._end = self._end_records()
        self.length: int = local[-1] + central[-1] + len(self._end)
        """Bytes of the whole archive."""
        tags.update(self._end)
        self.etag: str = f'"{tags.hexdigest()}"'
        """Strong entity tag, with its quotes: equal exactly when every byte is equal."""

    def segments(self, start: int, stop: int) -> Iterator[Segment]:
        """The pieces that make up bytes `[start, stop)`, in order, none of them empty."""
        directory, end = self._local[-1], self._local[-1] + self._central[-1]
        yield from self._local_segments(start, min(stop, directory))
        yield from self._central_segments(max(start - directory, 0), min(stop, end) - directory)
        tail = self._end[max(start - end, 0) : max(stop - end, 0)]
        if tail:
            yield tail

    def _local_segments(self, start: int, stop: int) -> Iterator[Segment]:
        if start >= stop:
            return
        for index in range(bisect_right(self._local, start) - 1, len(self._members)):
            offset = self._local[index]
            if offset >= stop:
                return
            member, name = self._members[index], self._names[index]
            header = self._header_size(member, name)
            first, last = max(start - offset, 0), min(stop - offset, header + member.size)
            if first < header:
                yield self._local_record(member, name)[first:last]
            first, last = max(first - header, 0), last - header
            if first >= last:
                continue
            if member.inline is None:
                yield Slice(member.key, first, last, member.size, member.sha256)
            else:
                yield member.inline[first:last]

    def _central_segments(self, start: int, stop: int) -> Iterator[bytes]:
        if start >= stop:
            return
        for index in range(bisect_right(self._central, start) - 1, len(self._members)):
            offset = self._central[index]
            if offset >= stop:
                return
            record = self._central_record(
                self._members[index], self._names[index], self._local[index]
            )
            yield record[max(start - offset, 0) : stop - offset]

    @staticmethod
    def _header_size(member: Member, name: bytes) -> int:
        return _LOCAL.size + len(name) + (20 if member.size >= MAX_32 else 0)

    def _local_record(self, member: Member, name: bytes) -> bytes:
        """APPNOTE 4.3.7; both sizes go into the extra field as soon as one of them must."""
        large = member.size >= MAX_32
        extra = struct.pack("<2H2Q", _EXTRA_64, 16, member.size, member.size) if large else b""
        size = MAX_32 if large else member.size
        head = _LOCAL.pack(
            b"PK\3\4",
            _NEEDS_45 if large else _NEEDS_20,
            _UTF8_NAMES,
            _STORED,
            *self._stamp,
            member.crc32,
            size,
            size,
            len(name),
            len(extra),
        )
        return head + name + extra

    def _central_record(self, member: Member, name: bytes, offset: int) -> bytes:
        """APPNOTE 4.3.12; its extra field holds only the values that did not fit."""
        large, far = member.size >= MAX_32, offset >= MAX_32
        beyond = ([member.size, member.size] if large else []) + ([offset] if far else [])
        width = 8 * len(beyond)
        extra = struct.pack(f"<2H{len(beyond)}Q", _EXTRA_64, width, *beyond) if beyond else b""
        size = MAX_32 if large else member.size
        head = _CENTRAL.pack(
            b"PK\1\2",
            _MADE_BY_UNIX,
            _NEEDS_45 if beyond else _NEEDS_20,
            _UTF8_NAMES,
            _STORED,
            *self._stamp,
            member.crc32,
            size,
            size,
            len(name),
            len(extra),
            0,
            0,
            0,
            _PLAIN_FILE,
            MAX_32 if far else offset,
        )
        return head + name + extra

    def _end_records(self) -> bytes:
        """APPNOTE 4.3.14 to 4.3.16: the end record, led by its ZIP64 twin where one is needed."""
        count, offset, size = len(self._members), self._local[-1], self._central[-1]
        short, most = min(count, MAX_16), min(size, MAX_32)
        end = _END.pack(b"PK\5\6", 0, 0, short, short, most, min(offset, MAX_32), 0)
        if count < MAX_16 and size < MAX_32 and offset < MAX_32:
            return end
        needs = (_MADE_BY_UNIX, _NEEDS_45)
        twin = _END_64.pack(b"PK\6\6", _END_64.size - 12, *needs, 0, 0, count, count, size, offset)
        return twin + _LOCATOR_64.pack(b"PK\6\7", 0, offset + size, 1) + end


def _dos_stamp(moment: datetime) -> tuple[int, int]:
    """(time, date) as ZIP writes them: UTC here, two-second steps, 1980 to 2107."""
    at = moment.astimezone(UTC)
    year = min(max(at.year, 1980), 2107) - 1980
    return at.hour << 11 | at.minute << 5 | at.second // 2, year << 9 | at.month << 5 | at.day


def _refuse_unsafe(names: Sequence[bytes]) -> None:
    """No member may leave the folder it is unpacked into, and none may be there twice."""
    if len(set(names)) != len(names):
        raise ValueError("A path is in the release twice.")
    for name in names:
        steps = name.split(b"/")
        if len(name) > MAX_16 or not {b"", b".", b".."}.isdisjoint(steps):
            raise ValueError(f"{name[:200]!r} cannot be a path in an archive.")
        if any(sign in name for sign in (b"\\", b"\0", b":")):
            raise ValueError(f"{name[:200]!r} holds a character that an archive must not have.")
