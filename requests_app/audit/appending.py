"""Writing entries with what belongs to them: on PostgreSQL one statement, however many.

A deed waits for its entry, and for most of that time for the way to the database and back.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from django.db import connection

from requests_app.audit.canonical import canonical, instant
from requests_app.audit.models import Entry, PersonalValue, Unsequenced


class Personal(NamedTuple):
    """A personal value of an entry that is not in the database yet."""

    field: str
    value: Any
    salt: str


Written = tuple[Entry, list[Personal]]
"""An entry and its personal values, none of them in the database yet."""

_COLUMNS: Final = ("kind", "actor", "subject", "trail", "details", "commitments")

# Ids are given in the order of the rows, so by them each entry finds its personal values again.
_AT_ONCE: Final = """
    WITH given AS MATERIALIZED (
        SELECT row_number() OVER () AS n, one.* FROM jsonb_to_recordset(%s) AS one (
            at timestamptz, kind text, actor text, subject text, trail text,
            details jsonb, commitments jsonb, personal jsonb
        )
    ), entry AS (
        INSERT INTO requests_app_entry
            (at, kind, actor, subject, trail, details, commitments)
        SELECT at, kind, actor, subject, trail, details, commitments FROM given ORDER BY n
        RETURNING id
    ), numbered AS (
        SELECT id, row_number() OVER (ORDER BY id) AS n FROM entry
    ), waiting AS (
        INSERT INTO requests_app_unsequenced (entry_id) SELECT id FROM entry
    ), personal AS (
        INSERT INTO requests_app_personalvalue (entry_id, field, value, salt)
        SELECT numbered.id, each.field, each.value, each.salt
        FROM given JOIN numbered USING (n), jsonb_to_recordset(given.personal)
            AS each (field text, value jsonb, salt text)
    )
    SELECT id FROM entry ORDER BY id
"""


def append(written: Sequence[Written]) -> list[Entry]:
    """Writes entries that wait for their places from now on; returns them with their ids."""
    if connection.vendor == "postgresql":
        return _at_once(written)
    entries = Entry.objects.bulk_create([entry for entry, _ in written])
    PersonalValue.objects.bulk_create(
        [
            PersonalValue(entry=entry, **item._asdict())
            for entry, (_, values) in zip(entries, written, strict=True)
            for item in values
        ]
    )
    Unsequenced.objects.bulk_create([Unsequenced(entry=entry) for entry in entries])
    return entries


def _at_once(written: Sequence[Written]) -> list[Entry]:
    told = [
        {name: getattr(entry, name) for name in _COLUMNS}
        | {"at": instant(entry.at), "personal": [item._asdict() for item in values]}
        for entry, values in written
    ]
    with connection.cursor() as cursor:
        cursor.execute(_AT_ONCE, [canonical(told).decode()])
        ids = cursor.fetchall()
    entries = [entry for entry, _ in written]
    for entry, (pk,) in zip(entries, ids, strict=True):
        entry.pk = pk
        entry._state.adding, entry._state.db = False, connection.alias  # noqa: SLF001 - as save() does
    return entries
