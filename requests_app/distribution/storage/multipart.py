"""Sending one large file in parts, and going on with an upload that broke off in the middle.

A bucket keeps the parts of an upload that nobody has ended. Whoever sends the same file again asks
which parts are there, verifies each by the server's digest of it, and sends the others. An upload
with a part of another file is ended, and its parts are thrown away.
"""

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, Final

from botocore.exceptions import BotoCoreError, ClientError

from requests_app.datasets.digests import Digests

PARTS_AT_ONCE: Final = 4
ABANDONED: Final = timedelta(days=7)
"""An upload that was begun so long ago will not be gone on with."""

About = dict[str, str]
"""Bucket and key of an object, as boto3 wants them."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """A file's digests; what S3 will call its SHA-256, in base64, and that of each of its parts.

    A file that is sent in one piece has no ``parts``. ``part`` is the bytes of each but the last.
    """

    digests: Digests
    checksum: str
    part: int
    parts: tuple[str, ...] = ()


def send_parts(
    client: Any,
    about: About,
    source: BinaryIO,
    hashed: Hashed,
    *,
    metadata: dict[str, str],
    condition: dict[str, str],
) -> bool:
    """Store a file in parts; whether parts of an earlier attempt are in it.

    What the server refuses is thrown away; after any other interruption the parts stay, for the
    next attempt.
    """
    upload, there = _begun(client, about, source, hashed)
    if upload is None:
        upload = client.create_multipart_upload(
            **about, ChecksumAlgorithm="SHA256", Metadata=metadata
        )["UploadId"]
    try:
        parts = _send_missing(client, about | {"UploadId": upload}, source, hashed, there)
        client.complete_multipart_upload(
            **about, **condition, UploadId=upload, MultipartUpload={"Parts": parts}
        )
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
            _abort(client, about, upload)
        raise
    return bool(there)


def open_uploads(client: Any, bucket: str, prefix: str) -> list[dict[str, Any]]:
    """The uploads that nobody has ended, of every key that begins with ``prefix``."""
    pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
    return [one for page in pages for one in page.get("Uploads", ())]


def end_uploads(client: Any, bucket: str, prefix: str, *, abandoned: bool = False) -> None:
    """Throw away the parts of the uploads below ``prefix``, or only of those long ``ABANDONED``."""
    before = datetime.now(UTC) - ABANDONED
    for one in open_uploads(client, bucket, prefix):
        if not abandoned or one["Initiated"] < before:
            _abort(client, {"Bucket": bucket, "Key": one["Key"]}, one["UploadId"])


def _begun(
    client: Any, about: About, source: BinaryIO, hashed: Hashed
) -> tuple[str | None, dict[int, str]]:
    """The upload of this very file that has come farthest, with its parts; the others are ended."""
    found: dict[str, dict[int, str]] = {}
    for one in open_uploads(client, about["Bucket"], about["Key"]):
        if one["Key"] != about["Key"]:
            continue
        parts = _parts(client, about, one["UploadId"])
        if all(_is_ours(part, source, hashed) for part in parts):
            found[one["UploadId"]] = {part["PartNumber"]: part["ETag"] for part in parts}
        else:
            _abort(client, about, one["UploadId"])
    farthest = max(found, key=lambda upload: len(found[upload]), default=None)
    for upload in found.keys() - {farthest}:
        _abort(client, about, upload)
    return farthest, found.get(farthest or "", {})


def _parts(client: Any, about: About, upload: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("list_parts").paginate(**about, UploadId=upload)
    return [part for page in pages for part in page.get("Parts", ())]


def _is_ours(part: dict[str, Any], source: BinaryIO, hashed: Hashed) -> bool:
    """By the server's SHA-256 of the part, or by its entity tag, which is an MD5, where it can."""
    at = part["PartNumber"] - 1
    if at >= len(hashed.parts):
        return False
    if told := part.get("ChecksumSHA256"):
        return bool(told == hashed.parts[at])
    source.seek(at * hashed.part)
    tag = hashlib.md5(source.read(hashed.part), usedforsecurity=False).hexdigest()
    return bool(part["ETag"].strip('"') == tag)


def _send_missing(
    client: Any, about: About, source: BinaryIO, hashed: Hashed, there: dict[int, str]
) -> list[dict[str, Any]]:
    """Send the parts that are not there, and list all of them."""

    def send(number: int, body: bytes) -> str:
        checksum = hashed.parts[number - 1]
        got = client.upload_part(**about, PartNumber=number, Body=body, ChecksumSHA256=checksum)
        return str(got["ETag"])

    sent: dict[int, Future[str]] = {}
    with ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
        for number in range(1, len(hashed.parts) + 1):
            if number in there:
                continue
            if len(sent) >= PARTS_AT_ONCE:
                list(sent.values())[-PARTS_AT_ONCE].result()
            source.seek((number - 1) * hashed.part)
            sent[number] = pool.submit(send, number, source.read(hashed.part))
    tags = there | {number: one.result() for number, one in sent.items()}
    return [
        {"PartNumber": number, "ETag": tags[number], "ChecksumSHA256": checksum}
        for number, checksum in enumerate(hashed.parts, 1)
    ]


def _abort(client: Any, about: About, upload: str) -> None:
    with suppress(ClientError, BotoCoreError):
        client.abort_multipart_upload(**about, UploadId=upload)
