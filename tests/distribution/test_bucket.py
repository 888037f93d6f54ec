"""The bucket, attacked from outside: it gives nothing to whom the portal did not send, or too late.

Against a real object store that verifies signatures and expiry.
"""

import base64
import hashlib
import io
import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import time_machine
from django.core.checks import run_checks

from requests_app import conf
from requests_app.distribution.archive import Slice
from requests_app.distribution.packages import storage
from requests_app.distribution.storage.base import PresignedUrl, StorageError
from requests_app.distribution.storage.s3 import S3Storage
from requests_app.distribution.streams import open_slice
from requests_app.errors import Misconfigured
from tests.object_store import STRANGER

pytestmark = pytest.mark.processes
CONTENT = b"a face" * 1000
KEY = "d/1.0/clips/été 1+2.mp4"


@pytest.fixture
def store(bucket) -> S3Storage:
    store = storage()
    store.put(KEY, io.BytesIO(CONTENT))
    store.put("d/1.0/other.mp4", io.BytesIO(b"another face"))
    return store


@pytest.fixture
def handed(store) -> PresignedUrl:
    return store.handover(KEY, name="été 1+2.mp4", media_type="video/mp4")


def status(url: str, **headers: str) -> int:
    answer = httpx.get(url, headers=headers, trust_env=False)
    assert answer.status_code in {200, 206} or CONTENT not in answer.content
    return answer.status_code


def test_a_presigned_url_gives_the_file_under_its_name_and_type(handed):
    answer = httpx.get(handed.url, trust_env=False)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Type"] == "video/mp4"
    named = "attachment; filename*=utf-8''%C3%A9t%C3%A9%201%2B2.mp4"
    assert answer.headers["Content-Disposition"] == named
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_a_presigned_url_resumes(handed):
    answer = httpx.get(handed.url, headers={"Range": "bytes=5990-"}, trust_env=False)
    assert (answer.status_code, answer.content) == (206, CONTENT[5990:])


def test_a_presigned_url_lives_for_minutes_at_most(handed, bucket):
    told = parse_qs(urlsplit(handed.url).query)["X-Amz-Expires"]
    assert told == ["300"] == [str(handed.seconds)]
    longer = S3Storage(replace(bucket, seconds=86_400))
    assert longer.handover(KEY, name="a", media_type="video/mp4").seconds == 300


def test_the_secret_is_in_no_url_and_in_no_text(handed, bucket):
    assert bucket.secret_key not in handed.url
    assert bucket.secret_key not in f"{bucket} {bucket!r}"


def test_an_altered_signature_is_refused(handed):
    head, _, signature = handed.url.rpartition("X-Amz-Signature=")
    altered = ("0" if signature[0] != "0" else "1") + signature[1:]
    assert status(handed.url) == 200
    assert status(f"{head}X-Amz-Signature={altered}") == 403


def test_another_key_under_the_same_signature_is_refused(handed):
    path = urlsplit(handed.url).path
    assert status(handed.url.replace(path, f"{path.rpartition('/clips')[0]}/other.mp4")) == 403


def test_a_stretched_expiry_is_refused(handed):
    assert status(handed.url.replace("X-Amz-Expires=300", "X-Amz-Expires=900")) == 403


def test_another_name_or_type_is_refused(handed):
    assert status(handed.url.replace("video%2Fmp4", "text%2Fhtml")) == 403


def test_an_expired_url_is_refused(store):
    with time_machine.travel("2020-01-01T00:00:00Z", tick=False):
        old = store.handover(KEY, name="a.mp4", media_type="video/mp4")
    assert status(old.url) == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST"])
def test_nobody_reaches_the_bucket_without_a_signature(handed, bucket, store, method):
    object_url = handed.url.partition("?")[0]
    bucket_url = f"{bucket.endpoint}/{bucket.bucket}"
    for url in (object_url, bucket_url, f"{bucket_url}?list-type=2", f"{bucket_url}?uploads"):
        answer = httpx.request(method, url, trust_env=False)
        assert answer.status_code in {400, 403, 405}, url
        assert CONTENT not in answer.content
    assert store.size(KEY) == len(CONTENT)


def test_credentials_without_a_right_to_the_bucket_reach_nothing(store, bucket):
    key, secret = STRANGER
    stranger = S3Storage(replace(bucket, access_key=key, secret_key=secret))
    with pytest.raises(StorageError, match="refused"):
        stranger.open(KEY)
    with pytest.raises(StorageError, match="refused"):
        list(stranger.keys("d/1.0"))
    assert status(stranger.handover(KEY, name="a", media_type="video/mp4").url) == 403


def test_clients_may_be_sent_to_another_address_than_the_portal_uses(bucket, store):
    elsewhere = S3Storage(replace(bucket, public="https://store.example.edu"))
    assert elsewhere.size(KEY) == len(CONTENT)
    url = elsewhere.handover(KEY, name="a", media_type="video/mp4").url
    assert url.startswith("https://store.example.edu/")


def test_an_object_that_was_replaced_is_not_passed_on(store):
    """Of the same size, so that only what the object says of itself can tell."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    part = Slice(KEY, 6, 12, len(CONTENT), digest)
    assert b"".join(open_slice(store, part)) == CONTENT[6:12]
    store.client.put_object(
        Bucket=store.bucket, Key=store.name(KEY), Body=CONTENT[:-1] + b"!", Metadata={}
    )
    with pytest.raises(StorageError, match="not the file that was published"):
        open_slice(store, part)


def test_the_server_is_told_the_digest_and_keeps_it(store):
    told = store.head(KEY)
    digest = hashlib.sha256(CONTENT)
    assert base64.b64decode(told["ChecksumSHA256"]) == digest.digest()
    assert told["Metadata"] == {"sha256": digest.hexdigest()}


def test_a_store_that_does_not_answer_is_a_sentence_without_an_address(bucket):
    nowhere = S3Storage(replace(bucket, endpoint="http://127.0.0.1:9", public="http://127.0.0.1:9"))
    for ask in (nowhere.open, nowhere.exists, nowhere.size):
        with pytest.raises(StorageError, match="cannot be reached") as caught:
            ask(KEY)
        assert "127.0.0.1" not in caught.value.message


def test_missing_settings_are_named(bucket, settings):
    settings.S3_SECRET_KEY = settings.S3_BUCKET = ""
    with pytest.raises(Misconfigured, match="CMED_S3_BUCKET, CMED_S3_SECRET_KEY"):
        storage()


def test_a_process_that_was_forked_has_connections_of_its_own(bucket, monkeypatch):
    first = storage()
    assert storage() is first
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert storage() is not first
    assert conf.storage() == "s3"


def messages() -> list[str]:
    return [str(each.id) for each in run_checks(include_deployment_checks=True)]


def test_a_check_names_missing_settings(bucket, settings):
    assert not {"portal.E010", "portal.E011", "portal.W011"} & set(messages())
    settings.S3_ACCESS_KEY = ""
    assert "portal.E010" in messages()


def test_a_check_says_when_it_could_not_ask(bucket, settings):
    settings.S3_ENDPOINT_URL = settings.S3_PUBLIC_ENDPOINT_URL = "http://127.0.0.1:9"
    assert "portal.W011" in messages()


@pytest.mark.parametrize("action", ["s3:ListBucket", "s3:GetObject"])
def test_a_check_finds_a_bucket_that_anybody_reads(bucket, settings, action):
    settings.S3_BUCKET = f"open-{action[3:].lower()}"
    client = storage().client
    client.create_bucket(Bucket=settings.S3_BUCKET)
    storage().put(KEY, io.BytesIO(CONTENT))
    assert "portal.E011" not in messages()
    arn = f"arn:aws:s3:::{settings.S3_BUCKET}"
    resource = arn if action == "s3:ListBucket" else f"{arn}/*"
    rule = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource}
    policy = {"Version": "2012-10-17", "Statement": [rule]}
    client.put_bucket_policy(Bucket=settings.S3_BUCKET, Policy=json.dumps(policy))
    assert "portal.E011" in messages()
