"""Which bytes of a representation does a request ask for? RFC 9110 sections 13.1.5 and 14.

What the standard leaves to the server is decided like this:

- The unit is `bytes`; another one is ignored: the whole is sent. A set of bytes that breaks the
  grammar is refused as one that cannot be satisfied, and so is what is absurd: a header longer than
  `LONGEST_HEADER`, a position of more than `MOST_DIGITS` digits.
- A set of several ranges is answered as one part when exactly one of them can be satisfied, and
  with the whole otherwise: `multipart/byteranges` is never sent. Empty list elements do not count.
- On an empty representation a suffix range selects the (empty) whole, since `Content-Range`
  cannot name an empty part; any other range cannot be satisfied.
- `If-Range` is honoured for a strong entity tag alone. We send no `Last-Modified`, so a date has
  nothing to equal and, like a weak tag, means "send the whole".
- A range has a meaning for GET alone; the caller does not ask for any other method.

nginx with `max_ranges 1` decides the same (a test asks both), but for empty list elements and tabs,
which it refuses, and for some of what is refused here.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

LONGEST_HEADER: Final = 4096
"""Characters of a `Range` header that are read; a longer one is refused as absurd."""

MOST_DIGITS: Final = 18
"""A position with more significant digits lies beyond any representation, and is refused."""

_SET = re.compile(r"bytes=(.*)", re.IGNORECASE | re.ASCII)
_SPEC = re.compile(r"([0-9]*)-([0-9]*)", re.ASCII)
_STRONG_TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')


class Kind(Enum):
    """How to answer: the whole, one part of it, or nothing because no byte was named."""

    WHOLE = auto()
    PART = auto()
    UNSATISFIABLE = auto()


@dataclass(frozen=True, slots=True)
class Selection:
    """The half-open byte range `[start, stop)` of a representation of `length` bytes."""

    kind: Kind
    start: int
    stop: int
    length: int

    @property
    def count(self) -> int:
        """Bytes to send."""
        return self.stop - self.start

    @property
    def content_range(self) -> str | None:
        """The `Content-Range` field value, or None when the whole is sent."""
        if self.kind is Kind.PART:
            return f"bytes {self.start}-{self.stop - 1}/{self.length}"
        if self.kind is Kind.UNSATISFIABLE:
            return f"bytes */{self.length}"
        return None


def select(*, range_header: str | None, if_range: str | None, length: int, etag: str) -> Selection:
    """Choose the bytes that a GET asks for. Never raises, whatever the client wrote.

    `range_header` and `if_range` are field values as received, None when absent; `length` is
    the size in bytes; `etag` is the current strong entity tag with its quotes.
    """
    whole = Selection(Kind.WHOLE, 0, length, length)
    if range_header is None or not _unchanged(if_range, etag):
        return whole
    specs = _parse(range_header)
    if specs is None:
        return whole
    spans = [span for spec in specs if (span := _resolve(spec, length)) is not None]
    if not spans:
        return Selection(Kind.UNSATISFIABLE, 0, 0, length)
    if len(spans) > 1 or length == 0:
        return whole
    return Selection(Kind.PART, *spans[0], length)


def _unchanged(if_range: str | None, etag: str) -> bool:
    """Whether `If-Range` allows the range: strong comparison (RFC 9110 section 8.8.3.2)."""
    if if_range is None:
        return True
    tag = if_range.strip(" \t")
    return _STRONG_TAG.fullmatch(tag) is not None and tag == etag


def _parse(header: str) -> list[tuple[int | None, int | None]] | None:
    """Read a ranges-specifier into (first, last) pairs; None when its unit is none of ours.

    (a, b) is `a-b`, (a, None) is `a-`, (None, n) is the last n bytes. Empty for a set that is
    malformed or absurd.
    """
    found = _SET.fullmatch(header.strip(" \t"))
    if found is None:
        return None
    if len(header) > LONGEST_HEADER or found[1][:1] in {" ", "\t"}:
        return []
    specs: list[tuple[int | None, int | None]] = []
    for element in found[1].split(","):
        text = element.strip(" \t")
        if not text:
            continue
        spec = _SPEC.fullmatch(text)
        if spec is None or text == "-" or any(_is_absurd(each) for each in spec.groups()):
            return []
        first, last = (int(digits) if digits else None for digits in spec.groups())
        if first is not None and last is not None and last < first:
            return []
        specs.append((first, last))
    return specs


def _is_absurd(digits: str) -> bool:
    return len(digits.lstrip("0")) > MOST_DIGITS


def _resolve(spec: tuple[int | None, int | None], length: int) -> tuple[int, int] | None:
    """The half-open span of one range, or None when it cannot be satisfied."""
    first, last = spec
    if first is None:
        suffix = last or 0
        return (max(0, length - suffix), length) if suffix else None
    if first >= length:
        return None
    return first, length if last is None else min(last + 1, length)
