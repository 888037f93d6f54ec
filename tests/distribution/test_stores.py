"""What every store does, asserted of a local folder and of a bucket in a real object store."""

import hashlib
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from requests_app.distribution.packages import storage
from requests_app.distribution.storage.base import StorageError
from requests_app.distribution.storage.uploads import PART

CONTENT = bytes(range(256)) * 16
KEY = "d/1.0/clips/a.mp4"


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.processes)])
def store(request):
    """The store that the settings name, with one file."""
    if request.param == "s3":
        request.getfixturevalue("bucket")
    store = storage()
    store.put(KEY, io.BytesIO(CONTENT))
    return store


def test_what_is_put_is_read(store):
    assert store.exists(KEY)
    assert store.size(KEY) == store.stat(KEY).size == len(CONTENT)
    assert store.stat(KEY).sha256 in {None, hashlib.sha256(CONTENT).hexdigest()}
    with store.open(KEY) as stored:
        assert stored.read(10) + stored.read() + stored.read() == CONTENT


def test_a_large_file_is_put_whole(store):
    content = bytes(range(251)) * (2 * PART // 251 + 1)
    assert store.put("d/1.0/large", io.BytesIO(content)) == len(content)
    with store.open("d/1.0/large", size=len(content)) as stored:
        assert hashlib.sha256(stored.read()).digest() == hashlib.sha256(content).digest()
    with store.open("d/1.0/large", PART - 5, PART + 5) as stored:
        assert stored.read() == content[PART - 5 : PART + 5]
    with pytest.raises(StorageError, match="already"):
        store.put("d/1.0/large", io.BytesIO(content))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.integers(0, len(CONTENT) - 1), st.integers(1, len(CONTENT)))
def test_any_range_is_read_and_nothing_beyond(store, start, count):
    stop = min(start + count, len(CONTENT))
    with store.open(KEY, start, stop, size=len(CONTENT)) as part:
        assert part.read() == CONTENT[start:stop]
        assert part.read() == b""


def test_a_file_of_another_size_than_recorded_is_not_opened(store):
    for size in (len(CONTENT) - 1, len(CONTENT) + 1):
        with pytest.raises(StorageError, match=f"record says {size}"):
            store.open(KEY, 0, 1, size=size)


def test_a_key_that_is_taken_keeps_its_content(store):
    with pytest.raises(StorageError, match="already"):
        store.put(KEY, io.BytesIO(b"other"))
    with store.open(KEY) as stored:
        assert stored.read() == CONTENT


def test_a_key_is_listed_once_with_its_size_below_its_folder_only(store):
    store.put("d/1.0/b", io.BytesIO(b"b"))
    store.put("d/1.0.1/c", io.BytesIO(b"c"))
    assert sorted(store.keys("d/1.0")) == [("d/1.0/b", 1), (KEY, len(CONTENT))]
    assert list(store.keys("d/none")) == []


def test_what_is_not_there_is_said_to_be_missing(store):
    assert not store.exists("d/1.0/none")
    for ask in (store.open, store.size, store.stat):
        with pytest.raises(StorageError, match=r"There is no file .d/1\.0/none"):
            ask("d/1.0/none")


@pytest.mark.parametrize("key", ["", "..", "/etc/passwd", "d/../x", "d//x", "d/1.0/", "d\\x", "\0"])
def test_a_strange_key_is_refused(store, key):
    for ask in (store.open, store.size, store.exists):
        with pytest.raises(StorageError, match="cannot be a key"):
            ask(key)
    with pytest.raises(StorageError, match="cannot be a key"):
        store.put(key, io.BytesIO(b"x"))
    with pytest.raises(StorageError, match="cannot be a key"):
        store.handover(key, name="x", media_type="video/mp4")


def test_a_source_that_breaks_leaves_nothing(store):
    class Broken(io.BytesIO):
        def read(self, size=-1, /):
            raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="broke"):
        store.put("d/1.0/b", Broken(b"12345"))
    assert [key for key, _ in store.keys("d/1.0")] == [KEY]
