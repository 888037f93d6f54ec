"""A stored ZIP, described instead of made (PKWARE APPNOTE 6.3.10).

ZIP64 records are used only where a size, an offset or the number of members needs them.
"""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from requests_app.distribution.archive import Archive, Member

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


class ZipArchive(Archive):
    """The layout of one stored ZIP."""

    suffix = "zip"
    media_type = "application/zip"
    layout = b"cmed-zip-1"

    def _lay_out(self, moment: datetime) -> None:
        self._stamp = _dos_stamp(moment)

    def _lay_out_tail(self) -> int:
        central = array("Q", [0])
        for index in range(len(self._members)):
            central.append(central[-1] + len(self._central_record(index)))
        self._central = central
        self._end = self._end_records()
        return central[-1] + len(self._end)

    def _tail(self, start: int, stop: int) -> Iterator[bytes]:
        yield from self._central_segments(start, min(stop, self._central[-1]))
        size = self._central[-1]
        if end := self._end[max(start - size, 0) : max(stop - size, 0)]:
            yield end

    def _central_segments(self, start: int, stop: int) -> Iterator[bytes]:
        if start >= stop:
            return
        for index in range(bisect_right(self._central, start) - 1, len(self._members)):
            offset = self._central[index]
            if offset >= stop:
                return
            yield self._central_record(index)[max(start - offset, 0) : stop - offset]

    def _header(self, member: Member, name: bytes) -> bytes:
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

    def _central_record(self, index: int) -> bytes:
        """APPNOTE 4.3.12; its extra field holds only the values that did not fit."""
        member, name, offset = self._members[index], self._names[index], self._offsets[index]
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
        count, offset, size = len(self._members), self._offsets[-1], self._central[-1]
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
