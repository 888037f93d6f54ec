"""Archives of a release or a choice of it, and the lists for programs, over HTTP."""

import hashlib
import io
import json
import re
import tarfile
import zipfile

import pytest
from django.urls import reverse

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.datasets.manifest import parse_manifest
from requests_app.datasets.models import File
from tests.factories.distribution import GrantFactory, make_link, make_release
from tests.web.download_world import ReadingClient, archive_url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_store")]

MARKS = {
    "clips/a.mp4": ("hungry", "train"),
    "clips/b.mp4": ("hungry", "test"),
    "clips/c.mp4": ("cross", "train"),
}
CONTENTS = {path: path.encode() * 50 for path in MARKS}
LABELS = {"labels.csv": b"path,label,participant_code,split\n"}


@pytest.fixture
def release():
    return make_release(GrantFactory().dataset, files=LABELS | CONTENTS, marks=MARKS)


@pytest.fixture
def token(release):
    return make_link(release.dataset.grants.get())[1]


@pytest.fixture
def client():
    return ReadingClient()


def names_in(body: bytes, form: str) -> set[str]:
    if form == "zip":
        with zipfile.ZipFile(io.BytesIO(body)) as reader:
            assert reader.testzip() is None
            return set(reader.namelist())
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:") as reader:
        return set(reader.getnames())


@pytest.mark.parametrize("form", ["zip", "tar"])
@pytest.mark.parametrize(
    ("query", "stem", "clips"),
    [
        ("", "", "abc"),
        ("class=hungry", "_hungry", "ab"),
        ("split=train", "_train", "ac"),
        ("class=hungry&split=train", "_hungry_train", "a"),
        ("split=train&class=cross&class=hungry", "_cross+hungry_train", "ac"),
    ],
)
def test_an_archive_holds_what_was_chosen(client, token, release, *, form, query, stem, clips):
    response = client.get(archive_url(token, release, form, query))
    top = f"{release.dataset.slug}-1.0"
    paths = {f"clips/{each}.mp4" for each in clips} | {"labels.csv", "manifest.sha256"}
    assert response.status_code == 200
    assert response["Content-Length"] == str(len(response.body))
    assert response["Content-Disposition"] == f'attachment; filename="{top}{stem}.{form}"'
    assert names_in(response.body, form) == {f"{top}/{path}" for path in paths}


def test_the_manifest_inside_names_what_is_inside(client, token, release):
    body = client.get(archive_url(token, release, query="class=hungry")).body
    top = f"{release.dataset.slug}-1.0"
    with zipfile.ZipFile(io.BytesIO(body)) as reader:
        listed = parse_manifest(reader.read(f"{top}/manifest.sha256").decode())
        for path, digest in listed.items():
            assert hashlib.sha256(reader.read(f"{top}/{path}")).hexdigest() == digest
    assert set(listed) == {"labels.csv", "clips/a.mp4", "clips/b.mp4"}


def test_one_choice_is_one_archive_however_it_is_written(client, token, release):
    written = [
        "class=cross&class=hungry&split=test",
        "split=test&class=hungry&class=cross&class=cross",
    ]
    first, second = (client.get(archive_url(token, release, query=each)) for each in written)
    assert (first["ETag"], first.body) == (second["ETag"], second.body)


def test_another_member_list_restarts_instead_of_mixing(client, token, release):
    whole, some = archive_url(token, release), archive_url(token, release, query="class=cross")
    tag = client.head(whole)["ETag"]
    assert client.head(some)["ETag"] != tag
    resumed = client.get(some, headers={"Range": "bytes=100-", "If-Range": tag})
    assert (resumed.status_code, resumed.body) == (200, client.get(some).body)
    assert client.get(some, headers={"Range": "bytes=100-", "If-Match": tag}).status_code == 412


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_pieces_make_the_whole(client, token, release, form):
    url = archive_url(token, release, form, "class=hungry")
    whole, pieces = client.get(url).body, b""
    while len(pieces) < len(whole):
        part = client.get(url, headers={"Range": f"bytes={len(pieces)}-{len(pieces) + 997}"})
        pieces += part.body
    assert pieces == whole


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("class=sad", 404),
        ("split=dev", 404),
        ("class=hungry&split=dev", 404),
        ("class=cross&split=test", 400),
        ("class=", 400),
        ("clas=hungry", 400),
    ],
)
@pytest.mark.parametrize("what", ["zip", "tar", "manifest", "urls", "index"])
def test_a_choice_that_is_none(client, token, release, *, what, query, status):
    if what in ("zip", "tar"):
        url = archive_url(token, release, what, query)
    else:
        url = reverse(f"download_{what}", args=[token]) + f"?{query}"
    response = client.get(url)
    assert response.status_code == status
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response.body.count(b"\n") == 1
    assert not Entry.objects.filter(kind__contains="downloaded").exists()


def test_the_entry_names_the_exact_archive(client, token, release):
    url = archive_url(token, release, "tar", "class=cross")
    response = client.get(url)
    entry = Entry.objects.get(kind=kinds.ARCHIVE_DOWNLOADED)
    assert entry.details["name"] == f"{release.dataset.slug}-1.0_cross.tar"
    assert entry.details["etag"] == response["ETag"].strip('"')


def test_the_lists_know_the_choice(client, token, release):
    query = "?class=hungry&split=test"
    manifest = client.get(reverse("download_manifest", args=[token]) + query).body.decode()
    assert set(parse_manifest(manifest)) == {"labels.csv", "clips/b.mp4"}
    urls = client.get(reverse("download_urls", args=[token]) + query).body.decode()
    outs = {each.partition("/")[2] for each in re.findall(r"^  out=(\S+)$", urls, re.MULTILINE)}
    assert outs == {"manifest.sha256", "labels.csv", "clips/b.mp4"}
    first = urls.splitlines()[0]
    assert client.get(first).body.decode() == manifest


def test_the_index_tells_programs_what_the_rows_say(client, token, release):
    response = client.get(reverse("release_index", args=[token, "1.0"]))
    assert response["Content-Type"] == "application/json"
    found = json.loads(response.body)
    assert found["name"] == f"{release.dataset.slug}-1.0"
    assert (found["release"], found["manifest_sha256"]) == ("1.0", release.manifest_sha256)
    told = {
        (each["path"], each["size"], each["sha256"], each["class"] or "", each["split"])
        for each in found["files"]
    }
    assert told == set(File.objects.values_list("path", "size", "sha256", "label", "split"))


class Ranged(io.RawIOBase):
    """An address as a seekable file: each read is a request for just those bytes."""

    def __init__(self, client: ReadingClient, url: str) -> None:
        self.client, self.url, self.at = client, url, 0
        self.length = int(client.head(url)["Content-Length"])

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.length}[whence]
        return self.at

    def readinto(self, buffer) -> int:
        last = min(self.at + len(buffer), self.length) - 1
        if last < self.at:
            return 0
        got = self.client.get(self.url, headers={"Range": f"bytes={self.at}-{last}"})
        assert got.status_code == 206
        buffer[: len(got.body)] = got.body
        self.at += len(got.body)
        return len(got.body)


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_an_archive_of_more_than_four_gibibytes_over_http(client, form):
    large, grant = 5 << 30, GrantFactory()
    release = make_release(grant.dataset, files=CONTENTS, holes={"clips/b.mp4": large})
    token = make_link(grant)[1]
    reached = Ranged(client, archive_url(token, release, form))
    assert reached.length > large
    name = f"{release.dataset.slug}-1.0/clips/{{}}.mp4"
    if form == "zip":
        with zipfile.ZipFile(reached) as reader:
            sizes = {info.filename: info.file_size for info in reader.infolist()}
            last = reader.read(name.format("c"))
    else:
        with tarfile.open(fileobj=reached, mode="r:") as reader:
            sizes = {each.name: each.size for each in reader}
            last = reader.extractfile(name.format("c")).read()
    assert (sizes[name.format("b")], last) == (large, CONTENTS["clips/c.mp4"])
