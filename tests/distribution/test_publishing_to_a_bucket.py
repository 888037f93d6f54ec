"""Publishing into a real object store: resumed, verified, and never over other content."""

import base64
import hashlib
import io
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError
from django.conf import settings

from requests_app.audit import log
from requests_app.datasets.loading import load_dataset
from requests_app.datasets.models import File, Release
from requests_app.distribution.demo import seed_demo
from requests_app.distribution.packages import package_of, storage
from requests_app.distribution.publishing import publish_release
from requests_app.distribution.storage import multipart, uploads
from requests_app.distribution.storage.base import StorageError
from requests_app.errors import Conflict
from tests.factories.datasets import release_folder, write_card

pytestmark = [pytest.mark.django_db, pytest.mark.processes]
ROOT = Path(__file__).parents[2]
CLIP = "clips/hungry/gull-001.mp4"
LARGE = 2 * uploads.PART + 12345


@pytest.fixture
def dataset(tmp_path, bucket):
    return load_dataset(card_path=write_card(tmp_path / "card.toml"), by=log.OPERATOR).dataset


@pytest.fixture
def folder(tmp_path) -> Path:
    return release_folder(tmp_path / "release", clips=12)


@pytest.fixture
def sent(monkeypatch) -> list[str]:
    """Keys of what is uploaded, in the order in which the server has it."""
    keys: list[str] = []
    send = uploads.send

    def watched(store, key, source, hashed, *, exclusive):
        tag = send(store, key, source, hashed, exclusive=exclusive)
        keys.append(key)
        return tag

    monkeypatch.setattr(uploads, "send", watched)
    return keys


def publish(dataset, folder, **more):
    return publish_release(dataset=dataset, version="1.0", folder=folder, by=log.OPERATOR, **more)


def stored() -> set[str]:
    return {key.removeprefix("gulls/1.0/") for key, _ in storage().keys("gulls/1.0")}


def open_uploads() -> list[dict]:
    store = storage()
    found = store.client.list_multipart_uploads(Bucket=store.bucket, Prefix=store.name("gulls"))
    return found.get("Uploads", [])


@pytest.fixture
def parts(bucket):
    """Numbers of the parts that go over the wire."""
    numbers: list[int] = []

    def watch(params, **_):
        numbers.append(params["PartNumber"])

    events = storage().client.meta.events
    events.register("provide-client-params.s3.UploadPart", watch)
    yield numbers
    events.unregister("provide-client-params.s3.UploadPart", watch)


def parts_there(upload: dict) -> set[int]:
    store = storage()
    about = {"Bucket": store.bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
    return {part["PartNumber"] for part in store.client.list_parts(**about).get("Parts", [])}


def begun(content: bytes, numbers, path: str = CLIP, *, told: bytes | None = None) -> str:
    """An upload that broke off when the parts of these numbers were there."""
    store = storage()
    hashed = uploads.hash_parts(io.BytesIO(told or content))
    about = {"Bucket": store.bucket, "Key": store.name(f"gulls/1.0/{path}")}
    upload = store.client.create_multipart_upload(
        **about, ChecksumAlgorithm="SHA256", Metadata={uploads.DIGEST: hashed.digests.sha256}
    )["UploadId"]
    for number in numbers:
        body = content[(number - 1) * uploads.PART : number * uploads.PART]
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        store.client.upload_part(
            **about, UploadId=upload, PartNumber=number, Body=body, ChecksumSHA256=digest
        )
    return upload


def stopped_at(count: int, problem: BaseException):
    def stop(done, total):
        if done == count:
            raise problem

    return stop


def test_every_file_is_stored_and_told_with_its_digest(dataset, folder):
    (folder / CLIP).write_bytes(os.urandom(LARGE))
    release = publish(dataset, folder)
    store = storage()
    for file in release.files.all():
        content = (folder / file.path).read_bytes()
        with store.open(f"gulls/1.0/{file.path}", size=file.size, sha256=file.sha256) as source:
            assert source.read() == content
        assert file.sha256 == hashlib.sha256(content).hexdigest()
    with store.open("gulls/1.0/manifest.sha256") as source:
        assert source.read() == package_of(release).manifest
    assert len(stored()) == release.file_count + 1 == 15
    assert open_uploads() == []


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_is_interrupted_is_not_visible_and_is_not_sent_again(dataset, folder, sent, problem):
    with pytest.raises(type(problem)):
        publish(dataset, folder, progress=stopped_at(5, problem))
    assert not Release.objects.exists()
    assert not File.objects.exists()
    first = set(sent)
    assert len(first) >= 5
    sent.clear()
    release = publish(dataset, folder)
    assert first.isdisjoint(sent), "only what is missing is sent"
    assert len(first) + len(sent) == release.file_count + 1


PUBLISH = """
import os, sys
import django
django.setup()
from requests_app import conf
from requests_app.datasets.card import card_from
from requests_app.datasets.folder import read_folder
from requests_app.distribution.storage.s3 import S3Storage
from pathlib import Path
store = S3Storage(conf.s3())
folder = Path(sys.argv[1])
with store.draft("gulls/1.0") as draft:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as source:
            if path.stat().st_size > 8 << 20:
                store.client.meta.events.register("after-call.s3.UploadPart", say := lambda **_:
                    print("sent", flush=True) or sys.stdin.read())
            draft.write(path.relative_to(folder).as_posix(), source)
"""


def test_a_process_killed_half_way_through_a_large_file_is_taken_up_again(
    dataset, folder, sent, parts, bucket
):
    content = os.urandom(6 * uploads.PART - 1)
    (folder / "clips/hungry/gull-006.mp4").write_bytes(content)
    environment = {name: value for name, value in os.environ.items() if name[:5] != "CMED_"}
    environment |= {
        "DJANGO_SETTINGS_MODULE": "cmed_portal.settings",
        "CMED_VAR_DIR": str(settings.VAR_DIR),
        "CMED_STORAGE": "s3",
        "CMED_S3_ENDPOINT_URL": bucket.endpoint,
        "CMED_S3_BUCKET": bucket.bucket,
        "CMED_S3_PREFIX": bucket.prefix,
        "CMED_S3_ACCESS_KEY": bucket.access_key,
        "CMED_S3_SECRET_KEY": bucket.secret_key,
    }
    command = [sys.executable, "-c", PUBLISH, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, cwd=ROOT, env=environment) as killed:
        try:
            assert killed.stdout.readline() == b"sent\n"
        finally:
            killed.send_signal(signal.SIGKILL)
    before = stored()
    assert len(before) == 6, "README.txt and five clips"
    (broken_off,) = open_uploads()
    there = parts_there(broken_off)
    assert 1 <= len(there) <= 4
    release = publish(dataset, folder)
    assert not {f"gulls/1.0/{path}" for path in before} & set(sent)
    assert parts, "what is missing was sent"
    assert not there & set(parts), "and nothing else"
    with storage().open("gulls/1.0/clips/hungry/gull-006.mp4") as source:
        assert source.read() == content
    assert len(stored()) == release.file_count + 1
    assert open_uploads() == [], "an upload that nobody will end takes no space"


def test_only_the_parts_that_are_missing_go_over_the_wire(dataset, folder, parts):
    content = os.urandom(LARGE)
    (folder / CLIP).write_bytes(content)
    begun(content, [1])
    begun(content, [1, 3])
    parts.clear()
    publish(dataset, folder)
    assert parts == [2]
    assert open_uploads() == []


@pytest.mark.parametrize("tells", [True, False])
def test_parts_of_another_file_are_thrown_away(dataset, folder, parts, tells, monkeypatch):
    """Whether the server tells the parts' SHA-256 or their entity tags alone."""
    if not tells:
        silent(monkeypatch)
    content, other = os.urandom(LARGE), os.urandom(LARGE)
    (folder / CLIP).write_bytes(content)
    begun(other, [1, 2])
    begun(other + bytes(uploads.PART), [1, 4])
    parts.clear()
    release = publish(dataset, folder)
    assert sorted(parts) == [1, 2, 3]
    assert release.files.get(path=CLIP).sha256 == hashlib.sha256(content).hexdigest()
    assert open_uploads() == []


def silent(monkeypatch):
    """A server that tells no digest of a part."""
    own = multipart._parts
    without = lambda part: {name: part[name] for name in part if name != "ChecksumSHA256"}  # noqa: E731
    monkeypatch.setattr(multipart, "_parts", lambda *about: [without(each) for each in own(*about)])


def test_parts_without_a_digest_are_known_by_their_entity_tag(dataset, folder, parts, monkeypatch):
    silent(monkeypatch)
    content = os.urandom(LARGE)
    (folder / CLIP).write_bytes(content)
    begun(content, [2])
    parts.clear()
    publish(dataset, folder)
    assert sorted(parts) == [1, 3]


def test_a_file_that_ended_otherwise_is_not_stored_under_the_old_digest(dataset, folder):
    content = os.urandom(LARGE)
    (folder / CLIP).write_bytes(content)
    begun(content, [1, 2], told=content[:-1] + b"?")
    release = publish(dataset, folder)
    file = release.files.get(path=CLIP)
    with storage().open(f"gulls/1.0/{CLIP}", size=LARGE, sha256=file.sha256) as source:
        assert source.read() == content


def test_an_interruption_keeps_the_parts_and_a_refusal_does_not(dataset, folder, monkeypatch):
    content = os.urandom(LARGE)
    (folder / CLIP).write_bytes(content)
    client = storage().client
    complete = client.complete_multipart_upload
    gone = EndpointConnectionError(endpoint_url="http://store.example")

    def broken(**about):
        raise gone

    monkeypatch.setattr(client, "complete_multipart_upload", broken)
    with pytest.raises(StorageError, match="cannot be reached"):
        publish(dataset, folder)
    assert parts_there(*open_uploads()) == {1, 2, 3}
    wrong = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "x"}]}}
    monkeypatch.setattr(
        client, "complete_multipart_upload", lambda **about: complete(**(about | wrong))
    )
    with pytest.raises(StorageError, match="refused"):
        publish(dataset, folder)
    assert open_uploads() == []


def test_what_was_given_up_long_ago_is_thrown_away_and_what_is_fresh_is_not(
    dataset, folder, monkeypatch
):
    store = storage()
    about = {"Bucket": store.bucket, "Key": store.name("gulls/0.9/1.mp4")}
    store.client.create_multipart_upload(**about)
    publish(dataset, folder)
    assert len(open_uploads()) == 1, "another version may be on its way"
    monkeypatch.setattr(multipart, "ABANDONED", timedelta(seconds=-60))
    publish_release(dataset=dataset, version="1.1", folder=folder, by=log.OPERATOR)
    assert open_uploads() == []


def test_other_content_under_a_key_is_never_overwritten_silently(dataset, folder, sent):
    with pytest.raises(KeyboardInterrupt):
        publish(dataset, folder, progress=stopped_at(12, KeyboardInterrupt()))
    (folder / CLIP).write_text("another take")
    with pytest.raises(Conflict, match=r"gull-001\.mp4.*--replace"):
        publish(dataset, folder)
    with storage().open(f"gulls/1.0/{CLIP}") as source:
        assert source.read() == f"clip {CLIP}".encode()
    assert not Release.objects.exists()
    publish(dataset, folder, replace=True)
    with storage().open(f"gulls/1.0/{CLIP}") as source:
        assert source.read() == b"another take"


def test_what_the_folder_does_not_have_is_removed_only_when_told(dataset, folder):
    storage().put("gulls/1.0/clips/stray.mp4", io.BytesIO(b"stray"))
    with pytest.raises(Conflict, match=r"stray\.mp4"):
        publish(dataset, folder)
    assert not Release.objects.exists()
    assert "clips/stray.mp4" in stored()
    release = publish(dataset, folder, replace=True)
    assert "clips/stray.mp4" not in stored()
    assert len(stored()) == release.file_count + 1


def test_a_key_that_somebody_takes_meanwhile_is_a_conflict(dataset, folder, monkeypatch):
    send = uploads.send

    def second(store, key, source, hashed, *, exclusive):
        store.client.put_object(Bucket=store.bucket, Key=store.name(key), Body=b"theirs")
        return send(store, key, source, hashed, exclusive=exclusive)

    monkeypatch.setattr(uploads, "send", second)
    with pytest.raises(Conflict, match="Something else lies in the bucket"):
        publish(dataset, folder)
    assert not Release.objects.exists()


def test_an_answer_that_was_lost_is_no_conflict(dataset, folder, monkeypatch):
    """boto3 sends again, and the server refuses because the first time it went well."""
    send = uploads.send

    def twice(store, key, source, hashed, *, exclusive):
        send(store, key, source, hashed, exclusive=exclusive)
        return send(store, key, source, hashed, exclusive=exclusive)

    monkeypatch.setattr(uploads, "send", twice)
    assert publish(dataset, folder).file_count == 14


def test_a_file_replaced_before_the_end_stops_the_publication(dataset, folder):
    def meddle(done, total):
        if done == total:
            store = storage()
            name = store.name(f"gulls/1.0/{CLIP}")
            store.client.put_object(Bucket=store.bucket, Key=name, Body=b"theirs")

    with pytest.raises(StorageError, match="was changed while"):
        publish(dataset, folder, progress=meddle)
    assert not Release.objects.exists()


@pytest.mark.parametrize("size", [100, LARGE])
def test_bytes_that_change_on_the_way_are_refused(dataset, folder, size, monkeypatch):
    """The file grows other bytes between being hashed and being sent."""
    (folder / CLIP).write_bytes(bytes(size))
    send = uploads.send

    def damage(store, key, source, hashed, *, exclusive):
        if key.endswith(CLIP):
            (folder / CLIP).write_bytes(b"!" * size)
        return send(store, key, source, hashed, exclusive=exclusive)

    monkeypatch.setattr(uploads, "send", damage)
    with pytest.raises(StorageError, match=r"gull-001\.mp4"):
        publish(dataset, folder)
    assert not Release.objects.exists()
    assert CLIP not in stored()
    assert open_uploads() == []


@pytest.mark.parametrize("size", [100, LARGE])
def test_a_server_that_tells_no_digest_is_read_back(dataset, folder, size, monkeypatch):
    (folder / CLIP).write_bytes(os.urandom(size))
    store = storage()
    head, read_back, read = store.head, uploads._read_back, []
    monkeypatch.setattr(store, "head", lambda key: head(key) | {"ChecksumSHA256": None})
    monkeypatch.setattr(
        uploads, "_read_back", lambda store, key: read.append(key) or read_back(store, key)
    )
    publish(dataset, folder)
    assert len(read) == 15
    assert f"gulls/1.0/{CLIP}" in read


def test_a_release_is_not_published_where_the_bucket_is_not_reached(dataset, folder, settings):
    settings.S3_SECRET_KEY = "wrong"
    with pytest.raises(StorageError, match="refused"):
        publish(dataset, folder)
    assert not Release.objects.exists()


def test_the_demo_goes_where_releases_lie(bucket, tmp_path, settings):
    settings.VAR_DIR, settings.FILES_DIR = tmp_path / "var", tmp_path / "var/files"
    card = write_card(tmp_path / "card.toml", daa="cmed-daa-1")
    release = seed_demo(card_path=card, by=log.OPERATOR).release
    assert len(stored()) == release.file_count + 1
    assert [path for path in settings.FILES_DIR.rglob("*") if path.is_file()] == []
