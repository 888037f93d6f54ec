"""Entries in the order of their places, as the database holds them: for verifying, which reads all.

Rows are plain tuples with their columns as stored, so that an edit of any of them reaches whoever
hashes them, and a million pass in seconds.
"""

import json
import secrets
from collections.abc import Sequence
from typing import Any, Final

import orjson
from django.db import connection

from requests_app.audit import canonical

Row = tuple[int, bytes, int, str, str, str, str, str, str, str]
"""Place and leaf hash of an entry; its id, at, kind, actor, subject, trail, details, commitments"""

Value = tuple[int, str, str, str]
"""A personal value that was not erased: the id of its entry, its field, the value, the salt."""

_written: Final = json.JSONEncoder().encode

_MARK: Final = secrets.token_hex(16)
"""Stands between texts that are read as one; nobody who writes a row knows it."""

_BETWEEN: Final = f', "{_MARK}", '

_ENTRIES: Final = """
    SELECT leaf.place, leaf.hash, entry.id, CAST({at} AS text), entry.kind, entry.actor,
           entry.subject, entry.trail, entry.details, entry.commitments
    FROM requests_app_leaf leaf JOIN requests_app_entry entry ON entry.id = leaf.entry_id
    WHERE leaf.place >= %s AND leaf.place < %s ORDER BY leaf.place
"""
_VALUES: Final = """
    SELECT entry_id, field, value, salt FROM requests_app_personalvalue
    WHERE entry_id BETWEEN %s AND %s
"""


def entries(first: int, end: int) -> list[Row]:
    """Returns the entries with places from `first` to before `end`, without any that is gone."""
    at = "entry.at AT TIME ZONE 'UTC'" if connection.vendor == "postgresql" else "entry.at"
    return _rows(_ENTRIES.format(at=at), first, end)


def personal_values(rows: Sequence[Row]) -> list[Value]:
    """Returns the values that are left beside these entries, and some beside others."""
    numbers = [row[2] for row in rows]
    return _rows(_VALUES, min(numbers, default=0), max(numbers, default=0))


def leaf(row: Row) -> bytes:
    """Returns the canonical form of an entry as it is stored.

    Raises ValueError, TypeError, AttributeError or RecursionError for what cannot be read.
    """
    _, _, number, at, kind, actor, subject, trail, details, commitments = row
    objects = decode(details), decode(commitments)
    if canonical.has_float(objects):  # 7.0 has the canonical form of 7, and is another number
        raise ValueError("an entry has no floats")
    return canonical.canonical(
        canonical.form(number, instant(at), kind, actor, subject, trail, *objects)
    )


def instant(stored: str) -> str:
    """Returns a stored time as a leaf says it: `2026-01-31T12:00:00.000000Z`."""
    day, _, time = stored.partition(" ")
    if len(time) != 15:  # neither database stores zeros at the end
        time = f"{time}{'' if '.' in time else '.'}".ljust(15, "0")
    return f"{day}T{time}Z"


def decode(stored: str) -> Any:
    """Returns the value of JSON as this database holds it, or raises ValueError or TypeError.

    SQLite keeps the text, so it must be the one that Django writes: a name that stands in it twice
    would be read as one value here and as the other elsewhere.
    """
    value = orjson.loads(stored)
    if connection.vendor == "sqlite" and _written(value) != stored:
        raise ValueError("this is not JSON as Django writes it")
    return value


def decode_all(stored: Sequence[str]) -> list[Any]:
    """Returns what `decode` returns of each of these objects; raises if one cannot be read.

    They are read as one list. A mark stands between each two, so that no text can end in the next.
    """
    text = f"[{_BETWEEN.join(stored)}]"
    read: list[Any] = orjson.loads(text)
    objects, marks = read[::2], read[1::2]
    if len(objects) != len(stored) or marks.count(_MARK) != len(marks):
        raise ValueError("one of these is not one JSON value")
    if connection.vendor == "sqlite" and _written(read) != text:
        raise ValueError("one of these is not JSON as Django writes it")
    return objects


def _rows(statement: str, *values: int) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
