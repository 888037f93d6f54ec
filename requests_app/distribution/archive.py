"""An archive of a release, described instead of made.

Nothing is compressed and every size, CRC-32 and digest is known from the time of publishing, so an
archive is an arithmetic of pieces: headers that are computed and files that are copied. Its exact
length follows without reading a clip, and any byte range can be produced without what lies before.

The same members, folder and moment always give the same bytes. The formats are in `archive_zip`
and `archive_tar`.
"""

import hashlib
import zlib
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, NamedTuple

LONGEST_NAME: Final = 0xFFFF


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


class Archive(ABC):
    """The layout of one archive: its members and where each begins. Immutable, so thread-safe."""

    suffix: ClassVar[str]
    media_type: ClassVar[str]
    layout: ClassVar[bytes]
    """Version of the byte layout; a change of layout must change it, and with it every ETag."""

    def __init__(self, *, folder: str, moment: datetime, members: Sequence[Member]) -> None:
        """Lay `members` out in their order below `folder/`, all dated `moment` (UTC).

        Raises ValueError for a path that must not be in an archive or is there twice.
        """
        self._members = members
        self._names = [f"{folder}/{member.path}".encode() for member in members]
        _refuse_unsafe(self._names)
        self._lay_out(moment)
        self._offsets = array("Q", [0])
        tags = hashlib.sha256(self.layout)
        for member, name in zip(members, self._names, strict=True):
            header = self._header(member, name)
            tags.update(header + member.sha256.encode())
            taken = len(header) + member.size + self._padding(member.size)
            self._offsets.append(self._offsets[-1] + taken)
        self.length: int = self._offsets[-1] + self._lay_out_tail()
        """Bytes of the whole archive."""
        tags.update(b"".join(self._tail(0, self.length - self._offsets[-1])))
        self.etag: str = f'"{tags.hexdigest()}"'
        """Strong entity tag, with its quotes: equal exactly when every byte is equal."""

    def segments(self, start: int, stop: int) -> Iterator[Segment]:
        """The pieces that make up bytes `[start, stop)`, in order, none of them empty."""
        tail = self._offsets[-1]
        yield from self._member_segments(start, min(stop, tail))
        if stop > tail:
            yield from self._tail(max(start - tail, 0), stop - tail)

    def _member_segments(self, start: int, stop: int) -> Iterator[Segment]:
        if start >= stop:
            return
        for index in range(bisect_right(self._offsets, start) - 1, len(self._members)):
            offset = self._offsets[index]
            if offset >= stop:
                return
            yield from self._one(index, max(start - offset, 0), stop - offset)

    def _one(self, index: int, start: int, stop: int) -> Iterator[Segment]:
        """Bytes `[start, stop)` of one member: its header, its content, its padding."""
        member = self._members[index]
        header = self._header(member, self._names[index])
        if head := header[start:stop]:
            yield head
        first, last = max(start - len(header), 0), min(stop - len(header), member.size)
        if first < last:
            if member.inline is None:
                yield Slice(member.key, first, last, member.size, member.sha256)
            else:
                yield member.inline[first:last]
        end = len(header) + member.size
        if padding := bytes(self._padding(member.size))[max(start - end, 0) : max(stop - end, 0)]:
            yield padding

    @abstractmethod
    def _lay_out(self, moment: datetime) -> None:
        """Note what the headers need, before the first is made."""

    @abstractmethod
    def _header(self, member: Member, name: bytes) -> bytes:
        """What stands before the content of a member."""

    def _padding(self, size: int) -> int:  # noqa: ARG002 - formats with padding need it
        """How many zeros follow a content of `size` bytes."""
        return 0

    @abstractmethod
    def _lay_out_tail(self) -> int:
        """Bytes of what stands behind the last member."""

    @abstractmethod
    def _tail(self, start: int, stop: int) -> Iterator[bytes]:
        """Bytes `[start, stop)` of what stands behind the last member, in pieces."""


def _refuse_unsafe(names: Sequence[bytes]) -> None:
    """No member may leave the folder it is unpacked into, and none may be there twice."""
    if len(set(names)) != len(names):
        raise ValueError("A path is in the release twice.")
    for name in names:
        steps = name.split(b"/")
        if len(name) > LONGEST_NAME or not {b"", b".", b".."}.isdisjoint(steps):
            raise ValueError(f"{name[:200]!r} cannot be a path in an archive.")
        if any(sign in name for sign in (b"\\", b"\0", b":")):
            raise ValueError(f"{name[:200]!r} holds a character that an archive must not have.")
