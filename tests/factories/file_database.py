"""A database in a file, for tests in which threads compete as processes do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection


@contextmanager
def file_database(folder: Path) -> Iterator[None]:
    """Moves the test's database from memory into a file in `folder`, until the block ends.

    SQLite in memory locks by table and fails where a file waits. What the block wrote is gone
    after it. On PostgreSQL nothing needs moving.
    """
    if connection.vendor != "sqlite" or not connection.is_in_memory_db():
        yield
        return
    path, memory = folder / "portal.sqlite3", connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(path)])
    kept, connection.connection = connection.connection, None
    connection.settings_dict["NAME"] = str(path)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = memory
        connection.connection = kept
