"""Publishing a release: its bytes go into the file store, its facts into the database, for good."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, cast

from django.db import transaction

from requests_app import conf
from requests_app.audit import kinds, log
from requests_app.datasets.card import card_from
from requests_app.datasets.digests import DigestingReader, Digests
from requests_app.datasets.folder import FoundFile, read_folder
from requests_app.datasets.manifest import manifest
from requests_app.datasets.models import Dataset, File, Release
from requests_app.distribution.storage import staging
from requests_app.errors import Conflict, Invalid

Progress = Callable[[int, int], None]

_VERSION = re.compile(r"(?:0|[1-9]\d{0,3})(?:\.(?:0|[1-9]\d{0,3})){1,2}")
_MOST_THREADS = 8
_WORTH_A_THREAD = 128 * 1024  # bytes of a file, on average


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
    progress: Progress | None = None,
) -> Release:
    """Publish what ``folder`` holds as release ``version`` of ``dataset``, and return the release.

    Every file is copied into the file store and digested while it is read. Nothing is visible
    before all of it is there: the files are put together in a staging folder that becomes the
    release in one rename, inside the transaction that creates the rows and the entry. ``progress``
    is called with the number of files copied and the number to copy.

    Raises ``Invalid`` when folder and ``labels.csv`` disagree (each disagreement named),
    ``Conflict`` when the release exists, ``StorageError`` or ``OSError`` when the bytes cannot be
    stored. Records RELEASE_PUBLISHED.
    """
    release = Release(
        dataset=dataset, version=check_version(version), is_synthetic=is_synthetic, total_bytes=0
    )
    _refuse_again(release)
    files = read_folder(folder, card_from(dataset.card))
    root = conf.files_dir()
    with staging.staged(root) as stage:
        rows = []
        for number, row in enumerate(_copied(files, stage), 1):
            rows.append(row)
            if progress is not None:
                progress(number, len(files))
        staging.settle()
        with transaction.atomic():
            Dataset.objects.select_for_update().get(pk=dataset.pk)
            _refuse_again(release)
            _insert(release, rows, by=by)
            staging.place(stage, root, release.storage_prefix)
    return release


def _refuse_again(release: Release) -> None:
    if Release.objects.filter(dataset=release.dataset, version=release.version).exists():
        raise Conflict(
            f"Release {release.version} of {release.dataset} is published and cannot change;"
            " give the new one another number."
        )


def _copied(files: Sequence[FoundFile], stage: Path) -> Iterator[File]:
    """Copy all files into the staged folder; yields their rows in order."""

    def copy(found: FoundFile) -> Digests:
        with open(found.source, "rb", buffering=0, opener=_open_plain) as source:
            reader = DigestingReader(cast("BinaryIO", source))
            staging.write(stage, found.path, cast("BinaryIO", reader))
        return reader.digests

    for found, digests in zip(files, _each(copy, files), strict=True):
        yield File(
            path=found.path,
            size=digests.size,
            sha256=digests.sha256,
            crc32=digests.crc32,
            label=found.label,
            participant_code=found.participant_code,
        )


def _each(copy: Callable[[FoundFile], Digests], files: Sequence[FoundFile]) -> Iterator[Digests]:
    """Copy with a thread for each core, or without: small files are over before one could help."""
    if sum(found.size for found in files) < _WORTH_A_THREAD * len(files):
        yield from map(copy, files)
        return
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as threads:
        try:
            yield from threads.map(copy, files)
        finally:
            threads.shutdown(cancel_futures=True)


def _open_plain(path: str, flags: int) -> int:
    """Opens without following a link that somebody put there after the folder was looked at."""
    return os.open(path, flags | os.O_NOFOLLOW)


def _insert(release: Release, rows: Sequence[File], *, by: log.Audited) -> None:
    text = manifest((row.path, row.sha256) for row in rows)
    release.manifest_sha256 = hashlib.sha256(text.encode()).hexdigest()
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
