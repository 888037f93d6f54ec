"""Whether what is stored is what was published: every byte is read and hashed again."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from hashlib import sha256
from typing import Final

from django.db import transaction

from requests_app.audit import kinds, log
from requests_app.datasets.digests import BLOCK
from requests_app.datasets.manifest import MANIFEST, manifest
from requests_app.datasets.models import Release
from requests_app.distribution.packages import storage
from requests_app.distribution.storage.base import Storage, StorageError

_CORES: Final = 8


class Kind(StrEnum):
    MISSING = "missing"
    SIZE = "size"
    CHANGED = "changed"
    UNREADABLE = "unreadable"
    EXTRA = "extra"


@dataclass(frozen=True, slots=True)
class Difference:
    """One file that is not what the records say, or that they do not name.

    ``path`` lies inside the release; ``expected`` and ``found`` are bytes, digests or a sentence.
    """

    path: str
    kind: Kind
    expected: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class _Expected:
    path: str
    size: int | None
    sha256: str


def verify_release(
    *, release: Release, by: log.Audited, progress: Callable[[int, int], None] | None = None
) -> list[Difference]:
    """Hash every stored file of ``release`` and return the differences, sorted by path.

    Compared are: the records with the digest of the manifest that the release was published with,
    each stored file with its record, the stored ``manifest.sha256`` with that digest, and what lies
    in the store with what is recorded. ``progress`` is called with the number of files read and the
    number to read. Reads every byte, with several threads, and changes nothing. Effects: one entry
    with the number of differences. Raises StorageError when the store does not answer at all.
    """
    differences = _compared(release, progress)
    with transaction.atomic():
        log.record(
            kinds.RELEASE_VERIFIED,
            by=by,
            on=release,
            version=release.version,
            files=release.file_count,
            bytes=release.total_bytes,
            manifest_sha256=release.manifest_sha256,
            differences=len(differences),
        )
    return differences


def _compared(release: Release, progress: Callable[[int, int], None] | None) -> list[Difference]:
    store, prefix = storage(), release.storage_prefix
    rows = list(release.files.order_by().values_list("path", "size", "sha256"))
    differences = []
    recorded = sha256(manifest((path, digest) for path, _, digest in rows).encode()).hexdigest()
    if recorded != release.manifest_sha256:
        told = ("(the records)", Kind.CHANGED, release.manifest_sha256, recorded)
        differences.append(Difference(*told))
    expected = [_Expected(*row) for row in rows]
    expected.append(_Expected(MANIFEST, None, release.manifest_sha256))
    there = {key.removeprefix(f"{prefix}/"): size for key, size in store.keys(prefix)}
    judge = partial(_difference, store, prefix, there)
    with ThreadPoolExecutor(max(store.in_flight, min(_CORES, os.cpu_count() or 1))) as threads:
        try:
            for done, difference in enumerate(threads.map(judge, expected), 1):
                if difference is not None:
                    differences.append(difference)
                if progress is not None:
                    progress(done, len(expected))
        finally:
            threads.shutdown(cancel_futures=True)
    extra = there.keys() - {each.path for each in expected}
    differences += [Difference(path, Kind.EXTRA, found=str(there[path])) for path in extra]
    return sorted(differences, key=lambda difference: difference.path.encode())


def _difference(
    store: Storage, prefix: str, there: dict[str, int], expected: _Expected
) -> Difference | None:
    path, size = expected.path, there.get(expected.path)
    if size is None:
        return Difference(path, Kind.MISSING, expected.sha256)
    if expected.size not in {None, size}:
        return Difference(path, Kind.SIZE, str(expected.size), str(size))
    digest = sha256()
    try:
        with store.open(f"{prefix}/{path}", size=expected.size, sha256=expected.sha256) as source:
            while block := source.read(BLOCK):
                digest.update(block)
    except StorageError as error:
        return Difference(path, Kind.UNREADABLE, expected.sha256, error.message)
    if digest.hexdigest() != expected.sha256:
        return Difference(path, Kind.CHANGED, expected.sha256, digest.hexdigest())
    return None
