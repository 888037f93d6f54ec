"""What the whole suite needs: evidence tables that can be emptied between transactional tests, and
an object store for those that ask for one."""

import gc
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import TransactionTestCase

import requests_app.tasks  # noqa: F401 - eager tasks must be known by name
from requests_app.audit import guard
from requests_app.audit.guarded import GUARDED
from requests_app.conf import S3
from requests_app.distribution import journal
from requests_app.requests.permissions import GROUPS
from tests.object_store import object_store

pytest_plugins = ["tests.holder"]

_flush = TransactionTestCase._fixture_teardown


def _flush_with_guards_lifted(self: TransactionTestCase) -> None:
    """A flush deletes every row, which the guards rightly refuse; lift them for just that long."""
    for table, refused in GUARDED.items():
        guard.remove(connection, table, refused)
    try:
        _flush(self)
        for name in GROUPS:
            Group.objects.get_or_create(name=name)
    finally:
        for table, refused in GUARDED.items():
            guard.install(connection, table, refused)


TransactionTestCase._fixture_teardown = _flush_with_guards_lifted


def pytest_collection_finish() -> None:
    """What is imported by now stays to the end: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def migrated(django_db_setup: None, django_db_blocker) -> Callable[[Path], None]:
    """Puts an empty database, migrated already, where a portal looks for its own below `var`.

    On SQLite alone; elsewhere, and without it, a portal makes its tables itself.
    """

    def put(var: Path) -> None:
        if connection.vendor == "sqlite":
            var.mkdir(exist_ok=True)
            with django_db_blocker.unblock(), connection.cursor() as cursor:
                cursor.execute("VACUUM INTO %s", [str(var / "portal.sqlite3")])

    return put


@pytest.fixture(autouse=True)
def sealer_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks run at once here, so a thread that asks for the sealer would seal beside the test."""
    monkeypatch.setattr("requests_app.audit.asking.ask", lambda: None)


@pytest.fixture(autouse=True)
def nothing_signed_before(monkeypatch: pytest.MonkeyPatch, notes_kept: Path) -> None:
    """The databases of two tests are two logs, and the key beside which notes are kept is one."""
    name = secrets.token_hex(6)
    monkeypatch.setattr("requests_app.audit.kept_note.file", lambda: notes_kept / name)


@pytest.fixture(scope="session")
def notes_kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notes")


@pytest.fixture(scope="session")
def running_object_store() -> Iterator[S3]:
    with object_store() as store:
        yield store


@pytest.fixture
def bucket(running_object_store, settings) -> S3:
    """Files lie in a real object store, below a prefix that only this test uses."""
    store = replace(running_object_store, prefix=f"tests/{secrets.token_hex(6)}")
    settings.STORAGE = "s3"
    settings.S3_ENDPOINT_URL = settings.S3_PUBLIC_ENDPOINT_URL = store.endpoint
    settings.S3_BUCKET, settings.S3_PREFIX = store.bucket, store.prefix
    settings.S3_ACCESS_KEY, settings.S3_SECRET_KEY = store.access_key, store.secret_key
    return store


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """What a live server has sent is entered while its test has a database, not during the next."""
    for each in journal._of_process:
        if each._settler is not None:
            each.close()
