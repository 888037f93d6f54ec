"""Programs of these tests that need processes, and a database, of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.audit.whole_log import unguarded_log

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fresh_database(tmp_path: Path, migrated: Callable[[Path], None]) -> Iterator[dict[str, str]]:
    """The environment of a program with a database that has its tables and no rows, on the engine
    that the tests run on."""
    environment = {name: value for name, value in os.environ.items() if "CMED_" not in name} | {
        "DJANGO_SETTINGS_MODULE": "cmed_portal.settings",
        "CMED_VAR_DIR": str(tmp_path),
        "CMED_REDIS_URL": "memory://localhost",
        "PYTHONPATH": str(ROOT),
    }
    server = os.environ.get("CMED_TEST_DATABASE_URL")
    if server is None:
        migrated(tmp_path)
        yield environment
        return
    name = f"own_{os.getpid()}"
    with closing(psycopg.connect(server, autocommit=True)) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield environment | {"CMED_DATABASE_URL": urlsplit(server)._replace(path=name).geturl()}
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def told_by(fresh_database: dict[str, str]) -> Callable[[str], Any]:
    """Runs a module of these tests as a program and returns the JSON that it prints."""

    def run(module: str) -> Any:
        ran = subprocess.run(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=fresh_database,
            capture_output=True,
            text=True,
            timeout=int(os.environ.get("LOG_PROGRAM_SECONDS", "100")),
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return run


@pytest.fixture
def whole(db: None) -> Iterator[None]:
    """A log of 9 entries under 3 checkpoints that may be changed behind the application's back."""
    with unguarded_log():
        yield
