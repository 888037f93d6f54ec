"""Database triggers that make a table append-only, on SQLite and PostgreSQL.

They stop the application, the admin and a careless shell; they do not stop somebody who owns the
database and drops them.
"""

from collections.abc import Sequence

from django.db.backends.base.base import BaseDatabaseWrapper

UPDATE, DELETE = "UPDATE", "DELETE"


def install(connection: BaseDatabaseWrapper, table: str, refuse: Sequence[str]) -> None:
    """Makes the database refuse the operations `refuse` (UPDATE, DELETE) on `table`.

    On PostgreSQL a table that refuses DELETE refuses TRUNCATE as well.
    """
    _execute(connection, _statements(connection, table, refuse))


def remove(connection: BaseDatabaseWrapper, table: str, refuse: Sequence[str]) -> None:
    """Takes the triggers of `install` away again: for reversing a migration, and for tests."""
    on = f' ON "{table}"' if connection.vendor == "postgresql" else ""
    names = [f"{table}_no_{operation.lower()}" for operation in _operations(connection, refuse)]
    _execute(connection, [f'DROP TRIGGER IF EXISTS "{name}"{on}' for name in names])


def _operations(connection: BaseDatabaseWrapper, refuse: Sequence[str]) -> list[str]:
    truncate = ["TRUNCATE"] if connection.vendor == "postgresql" and DELETE in refuse else []
    return [*refuse, *truncate]


def _statements(connection: BaseDatabaseWrapper, table: str, refuse: Sequence[str]) -> list[str]:
    if connection.vendor == "sqlite":
        return [
            f'CREATE TRIGGER "{table}_no_{operation.lower()}" BEFORE {operation} ON "{table}" '
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for operation in refuse
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


def _execute(connection: BaseDatabaseWrapper, statements: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
