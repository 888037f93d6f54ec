"""Archives out of an object store: side by side, in order, in bounded memory, or a loud end."""

import hashlib
import io
import os
import threading
import tracemalloc
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.distribution.archive import Member, Slice, text_member
from requests_app.distribution.archive_zip import ZipArchive
from requests_app.distribution.packages import storage
from requests_app.distribution.read_ahead import PIECE, WINDOW, ahead
from requests_app.distribution.storage.base import StorageError
from requests_app.distribution.streams import stream


class Bytes:
    """A source over bytes."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, size: int = -1, /) -> bytes:
        return self._content

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


class Slow:
    """A store that says what it was asked for, and can insist on being asked side by side."""

    in_flight = 4

    def __init__(self) -> None:
        self.asked = self.most = self.now = 0
        self.lock, self.together = threading.Lock(), threading.Barrier(1)

    def open(self, key, start=0, stop=None, *, size=None, sha256=""):
        with self.lock:
            self.now += 1
            self.asked += stop - start
            self.most = max(self.most, self.now)
        self.together.wait(timeout=20)
        with self.lock:
            self.now -= 1
        if key == "missing":
            raise StorageError("There is no such file.")
        return Bytes(key.encode() * (stop - start))


segments = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=9),
        st.builds(Slice, st.sampled_from("abc"), st.just(0), st.integers(1, 50), st.just(50)),
    ),
    max_size=40,
)


@given(segments)
def test_the_bytes_come_in_order_whatever_the_segments(parts):
    whole = b"".join(
        part if isinstance(part, bytes) else part.key.encode() * part.stop for part in parts
    )
    assert b"".join(stream(Slow(), parts)) == whole


def test_a_large_file_is_asked_for_in_pieces_and_only_so_far_ahead():
    store = Slow()
    size = 40 * PIECE + 1
    run = ahead(store, [Slice("a", 0, size, size)])
    assert len(next(run)) == PIECE
    assert store.asked <= WINDOW
    taken = PIECE + sum(map(len, run))
    assert (taken, store.asked) == (size, size)


def test_small_files_are_fetched_side_by_side_as_many_as_the_store_bears():
    store = Slow()
    store.together = threading.Barrier(Slow.in_flight)
    run = ahead(store, [part for _ in range(100) for part in (b"head", Slice("a", 0, 4, 4))])
    assert b"".join(run) == b"headaaaa" * 100
    assert store.most <= 2 * Slow.in_flight


def test_a_client_that_goes_away_ends_the_fetching():
    store = Slow()
    size = 40 * PIECE
    run = ahead(store, [Slice("a", 0, size, size)])
    next(run)
    run.close()
    assert store.asked <= WINDOW


def test_a_piece_that_cannot_be_had_breaks_the_stream_after_what_lies_before_it():
    run = ahead(Slow(), [b"head", Slice("missing", 0, 5, 5), b"tail"])
    assert next(run) == b"head"
    with pytest.raises(StorageError, match="no such file"):
        next(run)


def test_memory_does_not_grow_with_the_archive():
    size = 100 * PIECE
    run = stream(Slow(), [Slice("a", 0, size, size)])
    next(run)
    tracemalloc.start()
    try:
        for _ in run:
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < WINDOW + 4 * PIECE


@pytest.fixture
def archive(bucket) -> tuple[ZipArchive, dict[str, bytes]]:
    """An archive of a large and many small files that lie in a real object store."""
    contents = {f"clips/{number:03d}.mp4": os.urandom(1000 + number) for number in range(60)}
    contents["large.mp4"] = os.urandom(4 * PIECE + 7)
    for path, content in contents.items():
        storage().put(f"d/1.0/{path}", io.BytesIO(content))
    members = [
        Member(
            path,
            len(content),
            zipfile.crc32(content),
            hashlib.sha256(content).hexdigest(),
            key=f"d/1.0/{path}",
        )
        for path, content in contents.items()
    ]
    note = text_member("note.txt", b"A note.\n")
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    return ZipArchive(folder="d-1.0", moment=moment, members=[note, *members]), contents


@pytest.mark.processes
def test_an_archive_out_of_a_bucket_is_whole_and_any_part_of_it_is_the_same(archive):
    layout, contents = archive
    whole = b"".join(stream(storage(), layout.segments(0, layout.length)))
    assert len(whole) == layout.length
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        assert opened.testzip() is None
        assert {
            name.removeprefix("d-1.0/"): opened.read(name) for name in opened.namelist()[1:]
        } == contents
    for start, stop in ((0, 1), (500, 90_000), (len(whole) - 5, len(whole)), (70_000, 9_000_000)):
        part = layout.segments(start, min(stop, len(whole)))
        assert b"".join(stream(storage(), part)) == whole[start:stop]


@pytest.mark.processes
@pytest.mark.parametrize("path", ["clips/030.mp4", "large.mp4"])
def test_an_object_replaced_by_one_of_the_same_size_breaks_the_stream(archive, path):
    layout, contents = archive
    store = storage()
    other = os.urandom(len(contents[path]))
    store.client.put_object(Bucket=store.bucket, Key=store.name(f"d/1.0/{path}"), Body=other)
    got: list[bytes] = []
    with pytest.raises(StorageError, match="not the file that was published"):
        got.extend(stream(store, layout.segments(0, layout.length)))
    assert other[:500] not in b"".join(got)
