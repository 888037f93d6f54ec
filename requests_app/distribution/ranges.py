"""Which bytes of a representation does a request ask for? RFC 9110 sections 13.1.5 and 14.

What the standard leaves to the server is decided like this:

- The unit is `bytes`. Another unit, a set that breaks the grammar, or a header longer than
  `LONGEST_HEADER` is ignored: the whole is sent.
- A set of several ranges is answered as one part when exactly one of them can be satisfied, and
  with the whole otherwise: `multipart/byteranges` is never sent. Empty list elements do not count.
- On an empty representation a suffix range selects the (empty) whole, since `Content-Range`
  cannot name an empty part; any other range cannot be satisfied.
- `If-Range` is honoured for a strong entity tag alone. We send no `Last-Modified`, so a date has
  nothing to equal and, like a weak tag, means "send the whole".
- A range has a meaning for GET alone; the caller does not ask for any other method.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

LONGEST_HEADER: Final = 4096
"""Characters of a `Range` header that are read; a longer one is ignored as absurd."""

MOST_DIGITS: Final = 18
"""A position with more significant digits lies beyond any representation."""

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
    """Read a ranges-specifier into (first, last) pairs, or None when it is not one of ours.

    (a, b) is `a-b`, (a, None) is `a-`, (None, n) is the last n bytes.
    """
    if len(header) > LONGEST_HEADER:
        return None
    found = _SET.fullmatch(header.strip(" \t"))
    if found is None or found[1][:1] in {" ", "\t"}:
        return None
    specs: list[tuple[int | None, int | None]] = []
    for element in found[1].split(","):
        text = element.strip(" \t")
        if not text:
            continue
        spec = _SPEC.fullmatch(text)
        if spec is None or text == "-":
            return None
        first, last = _position(spec[1]), _position(spec[2])
        if first is not None and last is not None and last < first:
            return None
        specs.append((first, last))
    return specs or None


def _position(digits: str) -> int | None:
    """A position in bytes; a number beyond `MOST_DIGITS` digits becomes the largest we know."""
    if not digits:
        return None
    significant = digits.lstrip("0") or "0"
    return 10**MOST_DIGITS if len(significant) > MOST_DIGITS else int(significant)


def _resolve(spec: tuple[int | None, int | None], length: int) -> tuple[int, int] | None:
    """The half-open span of one range, or None when it cannot be satisfied."""
    first, last = spec
    if first is None:
        suffix = last or 0
        return (max(0, length - suffix), length) if suffix else None
    if first >= length:
        return None
    return first, length if last is None else min(last + 1, length)
