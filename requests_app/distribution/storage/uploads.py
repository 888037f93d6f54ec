"""Putting a release into a bucket: in parallel, in parts where files are large, and verified.

Every file is hashed before it is sent, so a file that is there already from an interrupted attempt
is not sent again, nor are the parts of a large one (see `multipart`). What was sent is verified by
what the server tells of it afterwards: its size and the SHA-256 that the server itself took of what
it stored (for an object in parts, the digest of the parts' digests). A server that tells none is
read back in full.
"""

import base64
import hashlib
import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from botocore.exceptions import ClientError

from requests_app.datasets.digests import BLOCK, Digests
from requests_app.distribution.storage.base import Draft, StorageError
from requests_app.distribution.storage.multipart import Hashed, end_uploads, send_parts
from requests_app.distribution.storage.s3_client import translated
from requests_app.errors import Conflict, PortalError

if TYPE_CHECKING:
    from requests_app.distribution.storage.s3 import S3Storage

DIGEST: Final = "sha256"
"""The metadata of every object: the SHA-256 of the whole of it, in hexadecimal."""

PART: Final = 8 << 20
"""Bytes of a part, and of the largest file that is sent in one piece."""

_MOST_PARTS: Final = 10_000
_THREADS: Final = 16
# With the two above: at most 16 small files and 2 x 5 parts in memory, 208 MiB.
_LARGE: Final = threading.BoundedSemaphore(2)


class BucketDraft:
    """A Draft whose files lie under their final keys already, where no row leads yet."""

    def __init__(self, store: "S3Storage", prefix: str, *, replace: bool) -> None:
        self._store, self._prefix, self._replace = store, prefix, replace
        self._there = {key for key, _ in store.keys(prefix)}
        self._tags: dict[str, str] = {}

    def threads(self, size: float) -> int:
        """Always as many: the time goes by waiting for the server."""
        return _THREADS

    def write(self, path: str, source: BinaryIO) -> Digests:
        """Upload and verify, unless the same file is there already."""
        key = f"{self._prefix}/{path}"
        hashed = hash_parts(source)
        if key in self._there:
            found = self._store.head(key)
            if _is_same(self._store, key, found, hashed):
                self._tags[self._store.name(key)] = found["ETag"]
                return hashed.digests
            if not self._replace:
                raise _taken(key)
        exclusive = key not in self._there
        self._tags[self._store.name(key)] = send(
            self._store, key, source, hashed, exclusive=exclusive
        )
        return hashed.digests

    def settle(self) -> None:
        """Compare what lies below the prefix with what was written and verified."""
        listed = {found["Key"]: found["ETag"] for found in self._store.listed(self._prefix)}
        if wrong := sorted(name for name, tag in self._tags.items() if listed.get(name) != tag):
            raise StorageError(f"{wrong[0]!r} was changed while the release was put together.")
        others = sorted(listed.keys() - self._tags.keys())
        if others and not self._replace:
            raise _taken(*others)
        for name in others:
            with translated(name):
                self._store.client.delete_object(Bucket=self._store.bucket, Key=name)
        with translated(self._prefix):
            # Everything is there: what is still open is of a file that changed, or of none.
            below = f"{self._store.name(self._prefix)}/"
            end_uploads(self._store.client, self._store.bucket, below)

    def place(self) -> None:
        """Nothing is left to do: the rows are what makes it visible."""


@contextmanager
def drafted(store: "S3Storage", prefix: str, *, replace: bool) -> Iterator[Draft]:
    """A Draft below the prefix; uploads of its dataset that were given up long ago are ended."""
    dataset = store.name(prefix.partition("/")[0])
    with translated(prefix):
        end_uploads(store.client, store.bucket, f"{dataset}/", abandoned=True)
    yield BucketDraft(store, prefix, replace=replace)


def hash_parts(source: BinaryIO) -> Hashed:
    """Read a seekable file once, for all the digests that sending it takes."""
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    # Whole parts' worth, so that 10,000 of them are enough.
    part = PART * max(1, -(-size // (PART * _MOST_PARTS)))
    whole, crc32, read, parts = hashlib.sha256(), 0, 0, []
    while True:
        one, left = hashlib.sha256(), part
        while left and (block := source.read(min(BLOCK, left))):
            whole.update(block)
            crc32 = zlib.crc32(block, crc32)
            left -= len(block)
            if size > PART:
                one.update(block)
        read += part - left
        if left < part:
            parts.append(one.digest())
        if left:
            break
    digests = Digests(read, whole.hexdigest(), crc32)
    if size <= PART:
        return Hashed(digests, _base64(whole.digest()), part)
    composite = hashlib.sha256(b"".join(parts)).digest()
    checksum = f"{_base64(composite)}-{len(parts)}"
    return Hashed(digests, checksum, part, tuple(map(_base64, parts)))


def send(store: "S3Storage", key: str, source: BinaryIO, hashed: Hashed, *, exclusive: bool) -> str:
    """Upload a file, verify what the server has, and return the object's entity tag.

    With ``exclusive`` the server refuses where the key is taken (If-None-Match), and Conflict is
    raised unless the same file lies there: an answer that was lost makes boto3 send again. Raises
    StorageError for every other failure. A large file goes on where an earlier attempt broke off.
    """
    refused: PortalError = StorageError(f"{key!r} does not lie in the store as it was sent.")
    with translated(key):
        try:
            resumed = _put(store, store.name(key), source, hashed, exclusive=exclusive)
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            resumed, refused = False, _taken(key)
        found = store.head(key)
        if resumed and found["Metadata"].get(DIGEST) != hashed.digests.sha256:
            # The file ended otherwise when its upload was begun, and that cannot be told before.
            store.client.delete_object(Bucket=store.bucket, Key=store.name(key))
            _put(store, store.name(key), source, hashed, exclusive=exclusive)
            found = store.head(key)
    if not _is_same(store, key, found, hashed):
        raise refused
    return str(found["ETag"])


def _put(
    store: "S3Storage", name: str, source: BinaryIO, hashed: Hashed, *, exclusive: bool
) -> bool:
    """Store the object; whether parts of an earlier attempt are in it."""
    about = {"Bucket": store.bucket, "Key": name}
    condition = {"IfNoneMatch": "*"} if exclusive else {}
    metadata = {DIGEST: hashed.digests.sha256}
    if hashed.parts:
        with _LARGE:
            return send_parts(
                store.client, about, source, hashed, metadata=metadata, condition=condition
            )
    source.seek(0)
    store.client.put_object(
        **about,
        **condition,
        Body=source.read(),
        ChecksumSHA256=hashed.checksum,
        Metadata=metadata,
    )
    return False


def whole_digest(checksum: str | None) -> str | None:
    """The SHA-256 in hexadecimal out of S3's checksum; None for one that is made of parts'."""
    if checksum is None or "-" in checksum:
        return None
    return base64.b64decode(checksum).hex()


def _is_same(store: "S3Storage", key: str, found: dict[str, Any], hashed: Hashed) -> bool:
    """Whether the object is the file: by the server's own digest, or by reading all of it."""
    wanted = hashed.digests
    if (found["ContentLength"], found["Metadata"].get(DIGEST)) != (wanted.size, wanted.sha256):
        return False
    told = found.get("ChecksumSHA256")
    if told == hashed.checksum:
        return True
    # A digest of other parts than ours tells nothing; that of the whole tells that it differs.
    return whole_digest(told) is None and _read_back(store, key) == wanted.sha256


def _read_back(store: "S3Storage", key: str) -> str:
    digest = hashlib.sha256()
    with store.open(key) as source:
        while block := source.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _taken(*keys: str) -> Conflict:
    more = f" and {len(keys) - 1:,} more" if len(keys) > 1 else ""
    return Conflict(
        f"Something else lies in the bucket under {keys[0]!r}{more}, where this release would be"
        " stored. If an attempt that never ended left it, publish again with --replace."
    )


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
