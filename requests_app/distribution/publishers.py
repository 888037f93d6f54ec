"""One publisher at a time for each release; a killed one blocks nobody.

The lock is the database server's own on PostgreSQL, over a connection that does nothing else, and
the operating system's beside SQLite, which serves one machine. Both let go when the process ends,
however it ends.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from django.db import DatabaseError, connection

from requests_app import conf
from requests_app.errors import Conflict

_FOLDER: Final = "publishing"


@contextmanager
def only_publisher(name: str) -> Iterator[Callable[[], None]]:
    """Holds the lock of one release (its ``storage_prefix``) for as long as the block runs.

    Raises Conflict when another process holds it. The block is given a function to call before
    anything comes into force: it raises Conflict when the lock was lost meanwhile.
    """
    lock = _on_server(name) if connection.vendor == "postgresql" else _on_machine(name)
    with lock as still_only:
        yield still_only


@contextmanager
def _on_server(name: str) -> Iterator[Callable[[], None]]:
    own = connection.copy()

    def still_only() -> None:
        try:
            with own.cursor() as cursor:
                cursor.execute("SELECT 1")
        except DatabaseError as error:
            raise Conflict(
                f"The database was away while {name} was being published, so somebody else may have"
                " begun meanwhile. Nothing is published; please publish again."
            ) from error

    try:
        with own.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_number(name)])
            (ours,) = cursor.fetchone()
        if not ours:
            raise _taken(name)
        yield still_only
    finally:
        own.close()  # and with it the lock


@contextmanager
def _on_machine(name: str) -> Iterator[Callable[[], None]]:
    folder = conf.var_dir() / _FOLDER
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    file = folder / _number(name).to_bytes(8, signed=True).hex()
    lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _taken(name) from error
        yield lambda: None  # the kernel takes it from nobody
    finally:
        os.close(lock)


def _number(name: str) -> int:
    """A number of 64 bits for a release of this database, as PostgreSQL's locks have them."""
    told = f"publish:{connection.settings_dict['NAME']}:{name}"
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], signed=True)


def _taken(name: str) -> Conflict:
    return Conflict(f"Somebody else is publishing {name} at this moment; nothing was done.")
