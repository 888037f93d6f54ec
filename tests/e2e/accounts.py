"""What a portal under test has written down, read and altered behind its back."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.e2e.portal import ROOT


def entered(database: Path) -> list[dict[str, Any]]:
    """The details of the entries of every transfer, in their order."""
    query = (
        "SELECT details FROM requests_app_entry WHERE kind LIKE 'holder:%:downloaded' ORDER BY id"
    )
    return [json.loads(details) for (details,) in rows(database, query)]


def rows(database: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """What one statement finds, or changes."""
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        return connection.execute(query, values).fetchall()


def revoke(database: Path, slug: str) -> None:
    """Revoke the grants of one dataset, as the verb would."""
    rows(
        database,
        "UPDATE requests_app_grant SET revoked_at = datetime('now', '-1 seconds') "
        "WHERE dataset_id = (SELECT id FROM requests_app_dataset WHERE slug = ?)",
        slug,
    )


def restore(database: Path) -> None:
    """Nothing is revoked any more."""
    rows(database, "UPDATE requests_app_grant SET revoked_at = NULL")


def work(environment: dict[str, str], task: str) -> None:
    """Do what a worker would do for one task of `distribution.tasks`, in a process of its own."""
    code = f"from requests_app.distribution import tasks; {task}"
    command = [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", code]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
