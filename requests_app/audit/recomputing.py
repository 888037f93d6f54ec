"""What follows from stored rows, many at once: their leaf hashes, times and commitments.

A million entries are mostly alike, so they are read as one text, and told from others as a whole;
what is unlike is looked at row by row, which says the same and takes longer.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from requests_app.audit import canonical, merkle, placed

_UNREADABLE: Final = (ValueError, TypeError, AttributeError, RecursionError)

_AT_ONCE: Final = 64
"""Rows that are read as one text: more of them fall out of the processor's cache."""

_OWN_FORM: Final = re.compile(r'"[ !#-\[\]-~]*"').fullmatch
"""Texts that are their own canonical form: of a string of ASCII without anything to escape."""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """Of each row its leaf hash and its time as the leaf says it; neither where it is unreadable.

    `uncommitted` has, by index, the field of a personal value that the row does not commit to.
    """

    hashes: list[bytes | None]
    times: list[str]
    uncommitted: dict[int, str]


def recompute(rows: Sequence[placed.Row], values: Sequence[placed.Value]) -> Recomputed:
    """Returns what follows from the rows, and from those of the values that are theirs."""
    hashes: list[bytes | None] = []
    times: list[str] = []
    commitments: list[Any] = []
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        try:
            found = _at_once(some)
        except _UNREADABLE:
            found = [_alone(row) for row in some]
        for leaf, at, committed in found:
            hashes.append(leaf and merkle.leaf_hash(leaf))
            times.append(at)
            commitments.append(committed)
    return Recomputed(hashes, times, _uncommitted(rows, values, commitments))


_Found = tuple[bytes | None, str, Any]
"""Leaf, time and commitments of a row; nothing where it cannot be read."""


def _at_once(rows: Sequence[placed.Row]) -> list[_Found]:
    """Raises one of _UNREADABLE unless all of them can be read, and need no closer look."""
    objects = placed.decode_all([row[8] for row in rows] + [row[9] for row in rows])
    if not canonical.are_plain(objects):
        raise ValueError("each needs a look of its own")
    details, commitments = objects[: len(rows)], objects[len(rows) :]
    times = [placed.instant(row[3]) for row in rows]
    leaves = [
        canonical.plain(canonical.form(row[2], at, row[4], row[5], row[6], row[7], said, committed))
        for row, at, said, committed in zip(rows, times, details, commitments, strict=True)
    ]
    return list(zip(leaves, times, commitments, strict=True))


def _alone(row: placed.Row) -> _Found:
    try:
        return placed.leaf(row), placed.instant(row[3]), placed.decode(row[9])
    except _UNREADABLE:
        return None, "", None


def _uncommitted(
    rows: Sequence[placed.Row], values: Sequence[placed.Value], commitments: Sequence[Any]
) -> dict[int, str]:
    """The first field, of each row that has one, whose value is not what was committed to."""
    found: dict[int, str] = {}
    indexes = {row[2]: index for index, row in enumerate(rows)}
    for number, field, value, salt in values:
        index = indexes.get(number)  # ids follow places nearly, not quite
        if index is None or commitments[index] is None:
            continue
        try:
            content = value.encode() if _OWN_FORM(value) else _canonical(value)
            held = hashlib.sha256(bytes.fromhex(salt) + content).hexdigest()
            holds = commitments[index][field] == held
        except (KeyError, *_UNREADABLE):
            holds = False
        if not holds:
            found.setdefault(index, field)
    return found


def _canonical(value: str) -> bytes:
    return canonical.canonical(placed.decode(value))
