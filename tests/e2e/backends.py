"""One portal's releases, handed out in three ways at once: by gunicorn, by nginx, by a bucket.

All three have the same database. The files lie in a folder, and once more in an object store.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests_app.conf import S3
from requests_app.distribution.storage.s3 import S3Storage
from tests.e2e.cutting import Line, breaking_line
from tests.e2e.portal import free_port
from tests.e2e.servers import gunicorn, made_world, shipped_nginx
from tests.object_store import object_store

NAMES = ("local", "X-Accel", "S3")


@dataclass(frozen=True)
class Backend:
    """One way to the bytes. Before the portal lies a line, and before the store another.

    `files` is the line that the bytes of single files come over, `portal` that of all else.
    """

    portal: Line
    files: Line
    world: Mapping[str, Any]
    var: Path

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.portal.port}"

    @property
    def link(self) -> str:
        """The address of a small release of many files."""
        return f"{self.base}/d/{self.world['token']}"

    @property
    def large(self) -> str:
        """The address of one file."""
        return f"{self.base}/d/{self.world['large_token']}/files/large.mp4"


@contextmanager
def all_backends(var: Path, *, large_bytes: int) -> Iterator[dict[str, Backend]]:
    """The three of them over one release, until the end of the block."""
    os.environ["WORLD_LARGE_BYTES"] = str(large_bytes)
    try:
        # All of them read what nginx sent: what one began counts for the limits of all.
        environment, world = made_world(var, "http://127.0.0.1", NGINX_DIR=str(var / "nginx"))
    finally:
        del os.environ["WORLD_LARGE_BYTES"]
    with ExitStack() as servers:
        alone, behind, redirecting, gate = (free_port() for _ in range(4))
        store = servers.enter_context(object_store())
        upload(var / "files", store)
        to_store = servers.enter_context(breaking_line(urlsplit(store.endpoint).port or 0))
        accel = {"CMED_ACCEL_PREFIX": "/protected/"}
        bucket = in_bucket(store, public=f"http://127.0.0.1:{to_store.port}")
        servers.enter_context(gunicorn(alone, environment))
        servers.enter_context(gunicorn(behind, environment | accel))
        servers.enter_context(gunicorn(redirecting, environment | bucket))
        servers.enter_context(shipped_nginx(var, port=gate, portal=behind))
        lines = [servers.enter_context(breaking_line(port)) for port in (alone, gate, redirecting)]
        yield {
            name: Backend(line, to_store if name == "S3" else line, world, var)
            for name, line in zip(NAMES, lines, strict=True)
        }


def in_bucket(store: S3, *, public: str) -> dict[str, str]:
    """Settings for a portal whose files are in the store, which clients reach at `public`."""
    found = {
        "STORAGE": "s3",
        "S3_ENDPOINT_URL": store.endpoint,
        "S3_PUBLIC_ENDPOINT_URL": public,
        "S3_BUCKET": store.bucket,
        "S3_ACCESS_KEY": store.access_key,
        "S3_SECRET_KEY": store.secret_key,
    }
    return {f"CMED_{name}": value for name, value in found.items()}


def upload(files: Path, store: S3) -> None:
    """Put what lies in a folder into the bucket, under the same keys."""
    into = S3Storage(store)
    for path in sorted(files.rglob("*")):
        if path.is_file():
            with path.open("rb") as source:
                into.put(path.relative_to(files).as_posix(), source)
    into.client.close()
