"""A published release as a client fetches it: its manifest and its archive."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

from requests_app import conf
from requests_app.datasets.manifest import MANIFEST, manifest
from requests_app.datasets.models import File, Release
from requests_app.distribution.archive import Archive, Member, Slice, text_member
from requests_app.distribution.storage.base import Storage, StorageError
from requests_app.distribution.storage.local import LocalStorage
from requests_app.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Package:
    """The name (and top folder) of a release, its manifest, and its archive's layout."""

    name: str
    manifest: bytes
    archive: Archive


def storage() -> Storage:
    """The store that holds the files of every release: a folder, or a bucket.

    Raises Misconfigured when the settings do not say which bucket.
    """
    if conf.storage() == "local":
        return LocalStorage(conf.files_dir())
    if missing := conf.s3_missing():
        raise Misconfigured(f"The object store needs {', '.join(missing)}.")
    # Here, because boto3 takes 0.4 s and 28 MB, which a folder need not pay.
    from requests_app.distribution.storage import s3  # noqa: PLC0415

    return s3.connected(conf.s3())


def package_of(release: Release) -> Package:
    """The package of a published release; laid out once in each process, since it never changes.

    Raises StorageError when the records of the files are not those the release was published with.
    """
    return _package(
        release.pk,
        f"{release.dataset.slug}-{release.version}",
        release.storage_prefix,
        release.manifest_sha256,
        release.published_at.timestamp(),
    )


def whole_file(file: File, start: int, stop: int) -> Slice:
    """The bytes `[start, stop)` of a file as a slice of the store."""
    key = f"{file.release.storage_prefix}/{file.path}"
    return Slice(key, start, stop, file.size, file.sha256)


@lru_cache(maxsize=8)
def _package(
    release_id: int, name: str, prefix: str, manifest_sha256: str, published: float
) -> Package:
    found = File.objects.filter(release_id=release_id).order_by()
    # Sorted here: a database's collation differs from the next one's, the archive must not.
    rows = sorted(
        found.values_list("path", "size", "crc32", "sha256"), key=lambda row: row[0].encode()
    )
    text = manifest((path, digest) for path, _, _, digest in rows).encode()
    if sha256(text).hexdigest() != manifest_sha256:
        raise StorageError(f"The records of {name} differ from its published manifest.")
    members = [
        Member(path, size, crc32, digest, key=f"{prefix}/{path}")
        for path, size, crc32, digest in rows
    ]
    moment = datetime.fromtimestamp(published, UTC)
    archive = Archive(folder=name, moment=moment, members=[text_member(MANIFEST, text), *members])
    return Package(name, text, archive)
