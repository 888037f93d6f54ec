"""Database triggers that make a table append-only, on SQLite and PostgreSQL.

They stop the application, the admin and a careless shell; they do not stop somebody who owns the
database and drops them.
"""

from collections.abc import Sequence

from django.db.backends.base.base import BaseDatabaseWrapper

UPDATE, DELETE = "UPDATE", "DELETE"
# What each database can do besides; both change rows without firing the triggers above.
_TRUNCATE, _REPLACE = "TRUNCATE", "REPLACE"


def install(connection: BaseDatabaseWrapper, table: str, refuse: Sequence[str]) -> None:
    """Makes the database refuse the operations `refuse` (UPDATE, DELETE) on `table`.

    On PostgreSQL a table that refuses DELETE refuses TRUNCATE too. On SQLite every table refuses
    INSERT OR REPLACE, which removes rows without firing triggers on DELETE unless a connection asks
    for it (sqlite.org, ON CONFLICT clause).
    """
    _execute(connection, _statements(connection, table, refuse))


def remove(connection: BaseDatabaseWrapper, table: str, refuse: Sequence[str]) -> None:
    """Takes the triggers of `install` away again: for reversing a migration, and for tests."""
    on = f' ON "{table}"' if connection.vendor == "postgresql" else ""
    names = [f"{table}_no_{operation.lower()}" for operation in _operations(connection, refuse)]
    _execute(connection, [f'DROP TRIGGER IF EXISTS "{name}"{on}' for name in names])


def _operations(connection: BaseDatabaseWrapper, refuse: Sequence[str]) -> list[str]:
    if connection.vendor == "sqlite":
        return [*refuse, _REPLACE]
    return [*refuse, _TRUNCATE] if DELETE in refuse else [*refuse]


def _statements(connection: BaseDatabaseWrapper, table: str, refuse: Sequence[str]) -> list[str]:
    if connection.vendor == "sqlite":
        before = {operation: f'{operation} ON "{table}"' for operation in refuse}
        before[_REPLACE] = f'INSERT ON "{table}" WHEN {_taken(connection, table)}'
        return [
            f'CREATE TRIGGER "{table}_no_{operation.lower()}" BEFORE {event} '
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for operation, event in before.items()
        ]
    function = (
        "CREATE OR REPLACE FUNCTION portal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    return [function] + [
        f'CREATE TRIGGER "{table}_no_{operation.lower()}" BEFORE {operation} ON "{table}" '
        "FOR EACH STATEMENT EXECUTE FUNCTION portal_append_only()"
        for operation in _operations(connection, refuse)
    ]


def _taken(connection: BaseDatabaseWrapper, table: str) -> str:
    """SQL that asks whether a new row would replace one, by its key or a unique constraint."""
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, table).values()
    keys = [each["columns"] for each in constraints if each["primary_key"] or each["unique"]]
    same = [" AND ".join(f'"{name}" = NEW."{name}"' for name in key) for key in keys]
    replaced = " OR ".join(f"({each})" for each in same)
    return f'EXISTS (SELECT 1 FROM "{table}" WHERE {replaced})'  # noqa: S608 - names of our schema


def _execute(connection: BaseDatabaseWrapper, statements: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
