"""A small log that is whole, for tests that change it behind the application's back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from django.db import connection

from requests_app.audit import checkpoints, guard, kinds, log, outsider, verifying
from requests_app.audit.guarded import GUARDED
from requests_app.audit.origin import Origin, acting_from

TABLES: Final = [
    f"requests_app_{name}"
    for name in (
        "entry",
        "personalvalue",
        "leaf",
        "treenode",
        "signedcheckpoint",
        "witnesssignature",
    )
]


def fill(count: int) -> None:
    with acting_from(Origin(ip="192.0.2.7")):
        for _ in range(count):
            log.record(kinds.SIGNED_IN, by=log.SYSTEM, on=log.Named("user:7"), method="password")


def verify(trusted: str | None = None) -> verifying.Verified:
    return verifying.verify(trusted=trusted, progress=lambda done, total: None)


def found(sentence: str) -> None:
    with pytest.raises(outsider.Wrong, match=sentence):
        verify()


@contextmanager
def unguarded_log() -> Iterator[None]:
    """A log of 9 entries under 3 checkpoints, its guards dropped and its references unchecked."""
    for _ in range(3):
        fill(3)
        checkpoints.seal()
    unguard()
    yield
    if connection.vendor == "sqlite":
        # Broken references are what these tests are about: nothing of it is committed.
        connection.check_constraints = lambda *args, **kwargs: None
        connection.set_rollback(True)
        del connection.check_constraints


def unguard() -> None:
    for table in TABLES:
        guard.remove(connection, table, GUARDED[table])
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET LOCAL session_replication_role = replica")
        else:
            cursor.execute("PRAGMA defer_foreign_keys = ON")


def raw(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount
