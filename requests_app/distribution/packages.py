"""A published release, or some of it, as a client fetches it: its manifest and its archives."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from requests_app import conf
from requests_app.datasets.manifest import MANIFEST, manifest
from requests_app.datasets.models import File, Release
from requests_app.distribution.archive import Archive, Member, Slice, text_member
from requests_app.distribution.archive_tar import TarArchive
from requests_app.distribution.archive_zip import ZipArchive
from requests_app.distribution.choices import WHOLE, Choice, Content, chosen
from requests_app.distribution.storage.base import Handover, Storage, StorageError
from requests_app.distribution.storage.local import LocalStorage
from requests_app.errors import Misconfigured

FORMATS: Final[dict[str, type[Archive]]] = {each.suffix: each for each in (ZipArchive, TarArchive)}
"""The archives a release can be fetched as, by the end of their names."""

_LONGEST_STEM: Final = 120
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.+-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Package:
    """What a release, or some of it, is to a client.

    `name` is the release's and the archive's top folder, `stem` tells choices apart in the name of
    a downloaded file; `contents`, `manifest` and `archive` are of the chosen files alone.
    """

    name: str
    version: str
    stem: str
    contents: Sequence[Content]
    manifest: bytes
    archive: Archive

    @property
    def manifest_sha256(self) -> str:
        """SHA-256 of the manifest in hexadecimal: one digest for all of the chosen files."""
        return sha256(self.manifest).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of the chosen files together."""
        return sum(content.size for content in self.contents)


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


def package_of(release: Release, choice: Choice = WHOLE, form: str = ZipArchive.suffix) -> Package:
    """The package of a published release; laid out once in each process while it is asked for.

    `form` is one of `FORMATS`. Raises NotFound for a choice the release does not have, Invalid for
    one without clips, and StorageError when the records of the files are not those the release was
    published with.
    """
    return _package(_published(release), choice, form)


def contents_of(release: Release) -> Sequence[Content]:
    """Every file of a published release, without laying out an archive. Raises as `package_of`."""
    return _contents(_published(release))


def members_of(release: Release, name: str) -> Sequence[Content]:
    """The files in the archive of that name (`Package.stem` and its suffix).

    None of them where the name does not tell the choice: a long one is named by a digest. Raises
    StorageError as `package_of`.
    """
    published, stem = _published(release), name.rpartition(".")[0]
    contents = _contents(published)
    if stem == published.name:
        return contents
    found = [
        choice
        for choice in _readings(stem.removeprefix(f"{published.name}_"), contents)
        if _stem(published.name, choice) == stem
    ]
    if len(found) != 1:
        return ()
    return [each for each in contents if found[0].covers(each.label, each.split)]


def stored_key(file: File) -> str:
    """Where the store has a file; it comes from the row, never from an address."""
    return f"{file.release.storage_prefix}/{file.path}"


def handover(key: str, *, name: str, media_type: str) -> Handover:
    """How somebody else can send a stored file; see `Storage.handover`."""
    return storage().handover(key, name=name, media_type=media_type)


def whole_file(file: File, start: int, stop: int) -> Slice:
    """The bytes `[start, stop)` of a file as a slice of the store."""
    return Slice(stored_key(file), start, stop, file.size, file.sha256)


class _Published(NamedTuple):
    """What decides the bytes of a release's archives, beside its files."""

    pk: int
    name: str
    version: str
    prefix: str
    manifest_sha256: str
    moment: float


def _published(release: Release) -> _Published:
    return _Published(
        release.pk,
        f"{release.dataset.slug}-{release.version}",
        release.version,
        release.storage_prefix,
        release.manifest_sha256,
        release.published_at.timestamp(),
    )


@lru_cache(maxsize=16)
def _package(release: _Published, choice: Choice, form: str) -> Package:
    contents = chosen(_contents(release), choice)
    text = _manifest(contents)
    members = [
        Member(each.path, each.size, each.crc32, each.sha256, key=f"{release.prefix}/{each.path}")
        for each in contents
    ]
    moment = datetime.fromtimestamp(release.moment, UTC)
    archive = FORMATS[form](
        folder=release.name, moment=moment, members=[text_member(MANIFEST, text), *members]
    )
    return Package(
        release.name, release.version, _stem(release.name, choice), contents, text, archive
    )


@lru_cache(maxsize=4)
def _contents(release: _Published) -> tuple[Content, ...]:
    rows = File.objects.filter(release_id=release.pk).order_by().values_list(*Content._fields)
    # Sorted here: a database's collation differs from the next one's, the archive must not.
    found = tuple(sorted(map(Content._make, rows), key=lambda each: each.path.encode()))
    if sha256(_manifest(found)).hexdigest() != release.manifest_sha256:
        raise StorageError(f"The records of {release.name} differ from its published manifest.")
    return found


def _manifest(contents: Sequence[Content]) -> bytes:
    return manifest((each.path, each.sha256) for each in contents).encode()


def _stem(name: str, choice: Choice) -> str:
    """Two choices under one file name would make a client continue one with the other."""
    parts = [name, *(["+".join(choice.classes)] if choice.classes else []), *choice.splits]
    stem = "_".join(parts)
    if len(stem) <= _LONGEST_STEM and _PLAIN.fullmatch(stem):
        return stem
    return f"{name}_{sha256(choice.query.encode()).hexdigest()[:12]}"


def _readings(text: str, contents: Sequence[Content]) -> Iterator[Choice]:
    """The choices of this release that `_stem` may have written so."""
    labels = {each.label for each in contents if each.label}
    splits = {each.split for each in contents if each.split}
    parts = text.split("_")
    for at in range(len(parts) + 1):
        head, tail = "_".join(parts[:at]), parts[at:]
        classes = head.split("+") if head else []
        if labels.issuperset(classes) and splits.issuperset(tail):
            yield Choice(tuple(classes), tuple(tail))
