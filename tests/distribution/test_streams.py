"""Stored files as bytes: only what was asked for, in bounded blocks, or a loud end."""

import io

import pytest

from requests_app.distribution.archive import Slice
from requests_app.distribution.storage.base import StorageError
from requests_app.distribution.storage.local import LocalStorage
from requests_app.distribution.streams import BLOCK, open_slice, stream

CONTENT = bytes(range(256)) * 16
SOME = bytes(range(251)) * 400  # too much to be read at once


@pytest.fixture
def store(tmp_path):
    store = LocalStorage(tmp_path)
    store.put("clip", io.BytesIO(CONTENT))
    store.put("some", io.BytesIO(SOME))
    store.put("large", io.BytesIO(bytes(5 * BLOCK + 3)))
    return store


def test_a_slice_reads_its_bytes_and_no_more(store):
    part = open_slice(store, Slice("some", 10, 99_000, len(SOME)))
    assert part.read(5) + part.read(90_000) + part.read(90_000) == SOME[10:99_000]
    assert part.read() == b""
    part.close()


@pytest.mark.parametrize(("name", "content"), [("clip", CONTENT), ("some", SOME)])
def test_little_is_read_at_once(store, name, content):
    assert open_slice(store, Slice(name, 10, 30, len(content))) == content[10:30]


def test_the_descriptor_of_a_slice_stands_at_its_start(store):
    part = open_slice(store, Slice("some", 99, len(SOME), len(SOME)))
    with open(part.fileno(), "rb", closefd=False, buffering=0) as same:
        assert same.tell() == 99
    part.close()


def test_a_file_of_another_size_than_recorded_is_not_served(store):
    with pytest.raises(StorageError, match="record says 9"):
        open_slice(store, Slice("clip", 0, 9, 9))


def test_a_file_that_shrinks_while_it_is_read_ends_loudly(store, tmp_path):
    part = open_slice(store, Slice("some", 0, len(SOME), len(SOME)))
    (tmp_path / "some").write_bytes(b"")
    with pytest.raises(StorageError, match="shorter"):
        part.read()
    part.close()


def test_small_segments_share_a_block_and_large_files_are_cut(store):
    segments = [b"head", *[Slice("clip", 0, 7, len(CONTENT))] * 3, b"tail"]
    assert list(stream(store, segments)) == [b"head" + CONTENT[:7] * 3 + b"tail"]
    size = 5 * BLOCK + 3
    blocks = list(stream(store, [b"head", Slice("large", 0, size, size), b"tail"]))
    assert b"".join(blocks) == b"head" + bytes(size) + b"tail"
    assert max(map(len, blocks)) < 2 * BLOCK


def test_files_are_opened_when_their_turn_comes_and_closed_after(store):
    run = stream(store, [Slice("large", 0, 5 * BLOCK + 3, 5 * BLOCK + 3), Slice("none", 0, 1, 1)])
    assert len(next(run)) == BLOCK
    with pytest.raises(StorageError, match="no file"):
        list(run)


def test_a_client_that_goes_away_closes_the_file(store):
    run = stream(store, [Slice("large", 0, 5 * BLOCK + 3, 5 * BLOCK + 3)])
    next(run)
    run.close()
    with pytest.raises(StopIteration):
        next(run)
