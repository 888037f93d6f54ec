"""Published files in an S3-compatible bucket.

The bucket is private: clients get presigned URLs of minutes. Every object carries its SHA-256 as
metadata, which comes back with every part of it that is read; an object without it, or with another
one, is not what was published, and none of its bytes are passed on.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import lru_cache
from types import TracebackType
from typing import Any, BinaryIO, Final, Self, cast

from botocore import UNSIGNED
from botocore.exceptions import ClientError
from django.utils.http import content_disposition_header

from requests_app.conf import S3
from requests_app.distribution.storage import uploads
from requests_app.distribution.storage.base import (
    PRESIGNED_SECONDS,
    Draft,
    PresignedUrl,
    Stat,
    StorageError,
    steps,
)
from requests_app.distribution.storage.s3_client import GONE, client_for, translated
from requests_app.errors import Conflict

LONGEST_KEY: Final = 1024  # bytes, in every implementation of S3


class S3Storage:
    """A store in a bucket; see the Storage protocol. Its clients may be used from any thread."""

    in_flight = 16

    def __init__(self, options: S3) -> None:
        self.bucket = options.bucket
        self.client = client_for(options, options.endpoint)
        same = options.public == options.endpoint
        self._public = self.client if same else client_for(options, options.public)
        self._prefix = f"{options.prefix}/" if options.prefix else ""
        self._seconds = min(options.seconds, PRESIGNED_SECONDS)

    def open(
        self,
        key: str,
        start: int = 0,
        stop: int | None = None,
        *,
        size: int | None = None,
        sha256: str = "",
    ) -> "S3Source":
        """The bytes `[start, stop)` of the object, by one ranged GET."""
        asked: dict[str, Any] = {"Bucket": self.bucket, "Key": self.name(key)}
        if start or stop is not None:
            asked["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
        with translated(key):
            got = self.client.get_object(**asked)
        length = got["ContentLength"]
        found = int(got.get("ContentRange", f"/{length}").rpartition("/")[2])
        fault = ""
        if size is not None and size != found:
            fault = f"{key!r} has {found} bytes where its record says {size}."
        elif sha256 and sha256 != got["Metadata"].get(uploads.DIGEST):
            fault = f"{key!r} is not the file that was published."
        elif length != (found if stop is None else stop) - start:
            fault = f"{key!r} ends before byte {stop}."
        if not fault:
            return S3Source(got["Body"], length, key)
        got["Body"].close()
        raise StorageError(fault)

    def stat(self, key: str) -> Stat:
        """Bytes of the object, and the digest that the server took of it, if it says one."""
        found = self.head(key)
        checksum = uploads.whole_digest(found.get("ChecksumSHA256"))
        return Stat(found["ContentLength"], checksum)

    def head(self, key: str) -> dict[str, Any]:
        """The object's headers as boto3 tells them, with the server's checksum."""
        with translated(key):
            return cast(
                "dict[str, Any]",
                self.client.head_object(
                    Bucket=self.bucket, Key=self.name(key), ChecksumMode="ENABLED"
                ),
            )

    def size(self, key: str) -> int:
        """Bytes of the object."""
        return self.stat(key).size

    def exists(self, key: str) -> bool:
        """Whether there is such an object; a store that does not answer raises StorageError."""
        with translated(key):
            try:
                self.client.head_object(Bucket=self.bucket, Key=self.name(key))
            except ClientError as error:
                if error.response["Error"]["Code"] in GONE:
                    return False
                raise
        return True

    def put(self, key: str, source: BinaryIO) -> int:
        """Upload, in parts if it is large; the server refuses where the key is taken."""
        hashed = uploads.hash_parts(source)
        taken = f"There is already a file {key!r} in the store."
        if self.exists(key):
            raise StorageError(taken)
        try:
            uploads.send(self, key, source, hashed, exclusive=True)
        except Conflict as error:
            raise StorageError(taken) from error
        return hashed.digests.size

    def keys(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Every object below the folder."""
        for found in self.listed(prefix):
            yield found["Key"].removeprefix(self._prefix), found["Size"]

    def listed(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Every object below the folder as boto3 tells it: full key, size, entity tag."""
        with translated(prefix):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=f"{self.name(prefix)}/"
            )
            for page in pages:
                yield from page.get("Contents", ())

    def handover(self, key: str, *, name: str, media_type: str) -> PresignedUrl:
        """A URL that lives for minutes, and makes the store answer under this name and type."""
        asked = {
            "Bucket": self.bucket,
            "Key": self.name(key),
            "ResponseContentDisposition": content_disposition_header(True, name),  # noqa: FBT003 - positional in Django
            "ResponseContentType": media_type,
            "ResponseCacheControl": "private, no-store",
        }
        with translated(key):
            url = self._public.generate_presigned_url(
                "get_object", Params=asked, ExpiresIn=self._seconds
            )
        return PresignedUrl(url, self._seconds)

    def draft(self, prefix: str, *, replace: bool = False) -> AbstractContextManager[Draft]:
        """Uploads under the final keys; no row leads there before the release is published."""
        return uploads.drafted(self, prefix, replace=replace)

    def name(self, key: str) -> str:
        """The object's key in the bucket. Raises StorageError for one that is refused."""
        steps(key)
        name = self._prefix + key
        if len(name.encode()) > LONGEST_KEY:
            raise StorageError(f"{key[:200]!r} is too long for the store.")
        return name


class S3Source:
    """The body of one answer: bytes that come over a connection, as many as were promised."""

    def __init__(self, body: Any, left: int, key: str) -> None:
        self._body, self._left, self._key = body, left, key

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes of what is left; a connection that breaks is a StorageError."""
        with translated(self._key):
            block: bytes = self._body.read(self._left if size < 0 else min(size, self._left))
        if self._left and size and not block:
            raise StorageError(f"The object store broke off in the middle of {self._key!r}.")
        self._left -= len(block)
        return block

    def close(self) -> None:
        """Give the connection back, or close it when bytes are left."""
        self._body.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def is_public(options: S3) -> bool:
    """Whether somebody without credentials may list the bucket, or read an object that lies in it.

    Raises StorageError when the store cannot be asked.
    """
    once = {"retries": {"total_max_attempts": 1}}
    anybody = client_for(options, options.public, signature_version=UNSIGNED, **once)
    portal = client_for(options, options.endpoint, **once)
    with translated(options.bucket):
        try:
            anybody.list_objects_v2(Bucket=options.bucket, MaxKeys=1)
        except ClientError:
            some = portal.list_objects_v2(
                Bucket=options.bucket, Prefix=options.prefix, MaxKeys=1
            ).get("Contents", ())
        else:
            return True
        for found in some:
            try:
                anybody.head_object(Bucket=options.bucket, Key=found["Key"])
            except ClientError:
                continue
            return True
    return False


def connected(options: S3) -> S3Storage:
    """The store of these settings, with connections of this process: a fork has its own."""
    return _connected(options, os.getpid())


@lru_cache(maxsize=4)
def _connected(options: S3, process: int) -> S3Storage:
    return S3Storage(options)
