"""Publishing a release: its bytes go into the file store, its facts into the database, for good."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, cast

from django.db import transaction

from requests_app import conf, queue
from requests_app.audit import kinds, log
from requests_app.datasets.card import card_from
from requests_app.datasets.digests import BLOCK, DigestingReader, Digests
from requests_app.datasets.folder import FoundFile, read_folder
from requests_app.datasets.manifest import MANIFEST, manifest
from requests_app.datasets.models import Dataset, File, Release
from requests_app.distribution.packages import storage
from requests_app.distribution.publishers import only_publisher
from requests_app.distribution.storage import staging
from requests_app.distribution.storage.base import Draft
from requests_app.errors import Conflict, Invalid

Progress = Callable[[int, int], None]

_AT_ONCE = 2 * 1024 * 1024
"""Bytes of small files that a thread takes at once."""
_VERSION = re.compile(r"(?:0|[1-9]\d{0,3})(?:\.(?:0|[1-9]\d{0,3})){1,2}")


def check_version(version: str) -> str:
    """Return ``version``, such as ``1.0`` or ``2.1.3``; raises ``Invalid`` for another form."""
    if not _VERSION.fullmatch(version):
        raise Invalid(f"“{version}” is not the number of a release; write it like 1.0 or 1.0.2.")
    return version


def publish_release(
    *,
    dataset: Dataset,
    version: str,
    folder: Path,
    by: log.Audited,
    is_synthetic: bool = False,
    replace: bool = False,
    progress: Progress | None = None,
) -> Release:
    """Publish what ``folder`` holds as release ``version`` of ``dataset``, and return the release.

    Every file is copied into the file store and digested while it is read. Nothing is visible
    before all of it is there and the transaction that creates the rows and the entry has
    committed: in a folder the files are put together unseen and become the release in one rename;
    in an object store no address leads to a key that no row names. There, what an interrupted
    attempt stored is used again where it is the same; other content is refused unless ``replace``.
    ``progress`` is called with the number of files stored and the number to store.

    Raises ``Invalid`` when folder and ``labels.csv`` disagree (each disagreement named),
    ``Conflict`` when the release exists, somebody else is publishing it at this moment, or other
    content lies where it would be stored,
    ``OSError`` or ``StorageError`` when the bytes cannot be stored. Records RELEASE_PUBLISHED.
    """
    release = _new_release(dataset, version, is_synthetic=is_synthetic)
    files = read_folder(folder, card_from(dataset.card))
    with (
        only_publisher(release.storage_prefix) as still_only,
        storage().draft(release.storage_prefix, replace=replace) as draft,
    ):

        def store(found: FoundFile) -> Digests:
            with _open_plain(found.source) as source:
                return draft.write(found.path, source)

        rows = _rows(files, _each(store, files, draft), progress)
        return _finish(release, rows, draft, still_only, by=by)


def publish_staged(
    *,
    dataset: Dataset,
    version: str,
    folder: Path,
    by: log.Audited,
    is_synthetic: bool = False,
    progress: Progress | None = None,
) -> Release:
    """Publish files that were made in a staging folder, which becomes the release itself.

    As ``publish_release`` into a local folder, without copying: for files that nobody else can
    reach or change.
    """
    release = _new_release(dataset, version, is_synthetic=is_synthetic)
    files = read_folder(folder, card_from(dataset.card))
    draft = staging.StagedRelease(folder, conf.files_dir(), release.storage_prefix)
    with only_publisher(release.storage_prefix) as still_only:
        rows = _rows(files, _each(_digest, files, draft), progress)
        return _finish(release, rows, draft, still_only, by=by)


def _new_release(dataset: Dataset, version: str, *, is_synthetic: bool) -> Release:
    release = Release(dataset=dataset, version=check_version(version), is_synthetic=is_synthetic)
    _refuse_again(release)
    return release


def _refuse_again(release: Release) -> None:
    if Release.objects.filter(dataset=release.dataset, version=release.version).exists():
        raise Conflict(
            f"Release {release.version} of {release.dataset} is published and cannot change;"
            " give the new one another number."
        )


def _rows(
    files: Sequence[FoundFile],
    digests: Generator[Digests, None, None],
    progress: Progress | None,
) -> list[File]:
    rows = []
    # Closed before anything else is unwound: no thread may still write where files are removed.
    with closing(digests):
        for found, facts in zip(files, digests, strict=True):
            rows.append(_row(found, facts))
            if progress is not None:
                progress(len(rows), len(files))
    return rows


def _row(found: FoundFile, facts: Digests) -> File:
    return File(
        path=found.path,
        size=facts.size,
        sha256=facts.sha256,
        crc32=facts.crc32,
        label=found.label,
        participant_code=found.participant_code,
        split=found.split,
    )


def _each(
    read: Callable[[FoundFile], Digests], files: Sequence[FoundFile], draft: Draft
) -> Generator[Digests, None, None]:
    """Read with as many threads as help, or without any.

    A thread takes some small files at once: handing each over by itself costs as much as a hash.
    """
    size = sum(found.size for found in files) / max(len(files), 1)
    threads, some = draft.threads(size), max(1, int(_AT_ONCE / max(size, 1)))
    if threads == 1:
        yield from map(read, files)
        return
    with ThreadPoolExecutor(threads) as pool:
        try:
            groups = (files[start : start + some] for start in range(0, len(files), some))
            for digests in pool.map(lambda group: list(map(read, group)), groups):
                yield from digests
        finally:
            pool.shutdown(cancel_futures=True)


def _digest(found: FoundFile) -> Digests:
    with _open_plain(found.source) as source:
        reader = DigestingReader(source)
        # No more than it takes: a buffer of BLOCK for each small file would cost more than hashing.
        while reader.read(min(found.size + 1, BLOCK)):
            pass
    return reader.digests


def _open_plain(path: Path) -> BinaryIO:
    """Opens without following a link that somebody put there after the folder was looked at."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    return cast("BinaryIO", os.fdopen(descriptor, "rb", buffering=0))


def _finish(
    release: Release,
    rows: Sequence[File],
    draft: Draft,
    still_only: Callable[[], None],
    *,
    by: log.Audited,
) -> Release:
    """Rows, entry, files and the manifest beside them come into force together."""
    text = manifest((row.path, row.sha256) for row in rows).encode()
    release.manifest_sha256 = hashlib.sha256(text).hexdigest()
    draft.write(MANIFEST, io.BytesIO(text))
    draft.settle()
    with transaction.atomic():
        Dataset.objects.select_for_update(no_key=True).get(pk=release.dataset_id)
        _refuse_again(release)
        _insert(release, rows, by=by)
        still_only()
        draft.place()
    return release


def _insert(release: Release, rows: Sequence[File], *, by: log.Audited) -> None:
    release.file_count = len(rows)
    release.total_bytes = sum(row.size for row in rows)
    release.save(force_insert=True)
    for row in rows:
        row.release = release
    File.objects.bulk_create(rows, batch_size=2000)
    log.record(
        kinds.RELEASE_PUBLISHED,
        by=by,
        on=release,
        version=release.version,
        files=release.file_count,
        bytes=release.total_bytes,
        manifest_sha256=release.manifest_sha256,
        synthetic=release.is_synthetic,
    )
    queue.enqueue("distribution.sign_manifest", release_id=str(release.pk))
