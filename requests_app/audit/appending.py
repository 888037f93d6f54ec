"""Writing entries with what belongs to them: one alone takes PostgreSQL one statement.

A deed waits for its entry, and for most of that time for the way to the database and back.
"""

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection

from requests_app.audit.canonical import canonical
from requests_app.audit.models import Entry, PersonalValue, Unsequenced

Written = tuple[Entry, list[PersonalValue]]
"""An entry and its personal values, none of them in the database yet."""

_AT_ONCE: Final = """
    WITH entry AS (
        INSERT INTO requests_app_entry
            (at, kind, actor, subject, trail, details, commitments)
        VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s::jsonb) RETURNING id
    ), waiting AS (
        INSERT INTO requests_app_unsequenced (entry_id) SELECT id FROM entry
    ), personal AS (
        INSERT INTO requests_app_personalvalue (entry_id, field, value, salt)
        SELECT entry.id, given.field, given.value::jsonb, given.salt
        FROM entry, unnest(%s::text[], %s::text[], %s::text[]) AS given (field, value, salt)
    )
    SELECT id FROM entry
"""


def append(written: Sequence[Written]) -> list[Entry]:
    """Writes entries that wait for their places from now on; returns them with their ids."""
    if len(written) == 1 and connection.vendor == "postgresql":
        return [_at_once(*written[0])]
    entries = Entry.objects.bulk_create([entry for entry, _ in written])
    for entry, values in written:
        for item in values:
            item.entry = entry
    PersonalValue.objects.bulk_create([item for _, values in written for item in values])
    Unsequenced.objects.bulk_create([Unsequenced(entry=entry) for entry in entries])
    return entries


def _at_once(entry: Entry, values: Sequence[PersonalValue]) -> Entry:
    told: list[Any] = [entry.at, entry.kind, entry.actor, entry.subject, entry.trail]
    told += [canonical(each).decode() for each in (entry.details, entry.commitments)]
    given = [
        [item.field for item in values],
        [canonical(item.value).decode() for item in values],
        [item.salt for item in values],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_AT_ONCE, [*told, *given])
        entry.pk = cursor.fetchone()[0]
    entry._state.adding, entry._state.db = False, connection.alias  # noqa: SLF001 - as save() does
    return entry
