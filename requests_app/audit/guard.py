"""Database triggers that make a table append-only, on SQLite and PostgreSQL.

They stop the application, the admin and a careless shell; they do not stop somebody who owns the
database and drops them.
"""

from collections.abc import Sequence
from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

UPDATE, DELETE = "UPDATE", "DELETE"
# What each database can do besides; both change rows without firing the triggers above.
_TRUNCATE, _REPLACE = "TRUNCATE", "REPLACE"
# PostgreSQL: a statement on a parent made by INHERIT fires only the triggers of this table's rows.
_ROWS: Final = "_rows"

# What people wrote goes when its time is over: an update may empty these columns, and nothing else.
MAY_BE_EMPTIED: Final = {
    "requests_app_decision": ("reason", "private_note"),
    "requests_app_signatoryexit": ("reason",),
    "requests_app_memberremoval": ("reason",),
}


def install(connection: BaseDatabaseWrapper, table: str, refuse: Sequence[str]) -> None:
    """Makes the database refuse the operations `refuse` (UPDATE, DELETE) on `table`.

    On PostgreSQL every table refuses TRUNCATE too, and also to a session that plays a replica. On
    SQLite every table refuses INSERT OR REPLACE, which removes rows without firing triggers on
    DELETE unless a connection asks for it (sqlite.org, ON CONFLICT clause).
    """
    if connection.vendor == "postgresql":
        # No table is altered while one of its deferred constraints has yet to be checked.
        connection.check_constraints()
    _execute(connection, _statements(connection, table, refuse))


def remove(connection: BaseDatabaseWrapper, table: str, refuse: Sequence[str]) -> None:
    """Takes the triggers of `install` away again: for reversing a migration, and for tests."""
    on = f' ON "{table}"' if connection.vendor == "postgresql" else ""
    names = [f"{table}_no_{operation.lower()}" for operation in _operations(connection, refuse)]
    names += [f"{name}{_ROWS}" for name in names if on]
    _execute(connection, [f'DROP TRIGGER IF EXISTS "{name}"{on}' for name in names])


def _operations(connection: BaseDatabaseWrapper, refuse: Sequence[str]) -> list[str]:
    return [*refuse, _REPLACE if connection.vendor == "sqlite" else _TRUNCATE]


def _statements(connection: BaseDatabaseWrapper, table: str, refuse: Sequence[str]) -> list[str]:
    if connection.vendor == "sqlite":
        before = {each: f'{each} ON "{table}"{_unless_emptied(connection, table, each)}'
                  for each in refuse}  # fmt: skip
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
    made = [function]
    for operation in _operations(connection, refuse):
        name, unless = f"{table}_no_{operation.lower()}", ""
        if operation != _TRUNCATE:
            unless = _unless_emptied(connection, table, operation)
            made += _trigger(table, f"{name}{_ROWS}", operation, f"FOR EACH ROW{unless}")
        if not unless:
            made += _trigger(table, name, operation, "FOR EACH STATEMENT")
    return made


def _trigger(table: str, name: str, operation: str, each: str) -> list[str]:
    return [
        f'CREATE TRIGGER "{name}" BEFORE {operation} ON "{table}" '
        f"{each} EXECUTE FUNCTION portal_append_only()",
        f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER "{name}"',
    ]


def _unless_emptied(connection: BaseDatabaseWrapper, table: str, operation: str) -> str:
    """The WHEN of an update that may empty columns: any other change of the row."""
    if operation != UPDATE or table not in MAY_BE_EMPTIED:
        return ""
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, table)
    same = "IS" if connection.vendor == "sqlite" else "IS NOT DISTINCT FROM"
    allowed = [
        f'(NEW."{each.name}" {same} OLD."{each.name}"'
        + (f" OR NEW.\"{each.name}\" = '')" if each.name in MAY_BE_EMPTIED[table] else ")")
        for each in described
    ]
    return f" WHEN (NOT ({' AND '.join(allowed)}))"


def _taken(connection: BaseDatabaseWrapper, table: str) -> str:
    """SQL that asks whether a new row would replace one.

    By its key, a unique constraint, or the row's own number, which a table has unless its key is
    that number (sqlite.org, ROWIDs and the INTEGER PRIMARY KEY).
    """
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, table).values()
        cursor.execute(f'PRAGMA table_info("{table}")')
        primary = [kind.upper() for _, _, kind, _, _, place in cursor.fetchall() if place]
    keys = [each["columns"] for each in constraints if each["primary_key"] or each["unique"]]
    same = [" AND ".join(f'"{name}" = NEW."{name}"' for name in key) for key in keys]
    if primary != ["INTEGER"]:
        same.append("rowid = NEW.rowid")
    replaced = " OR ".join(f"({each})" for each in same)
    return f'EXISTS (SELECT 1 FROM "{table}" WHERE {replaced})'  # noqa: S608 - names of our schema


def _execute(connection: BaseDatabaseWrapper, statements: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
