"""The local store: keys stay inside its root, links are not followed, files never change."""

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.distribution.storage.base import StorageError
from requests_app.distribution.storage.local import LocalStorage


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def store(root):
    store = LocalStorage(root)
    store.put("d/1.0/clips/a.mp4", io.BytesIO(b"content"))
    return store


def test_what_is_put_is_read(store):
    assert store.size("d/1.0/clips/a.mp4") == 7
    with store.open("d/1.0/clips/a.mp4") as stored:
        assert stored.read() == b"content"
    assert store.put("d/1.0/empty", io.BytesIO()) == 0
    assert store.size("d/1.0/empty") == 0


def test_a_key_that_is_taken_keeps_its_content_and_leaves_no_draft(store, root):
    with pytest.raises(StorageError, match="already"):
        store.put("d/1.0/clips/a.mp4", io.BytesIO(b"other"))
    with store.open("d/1.0/clips/a.mp4") as stored:
        assert stored.read() == b"content"
    assert [entry.name for entry in (root / "d/1.0/clips").iterdir()] == ["a.mp4"]


def test_a_source_that_breaks_leaves_nothing(store, root):
    class Broken(io.RawIOBase):
        def readinto(self, buffer):
            raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="broke"):
        store.put("d/1.0/clips/b.mp4", Broken())
    assert [entry.name for entry in (root / "d/1.0/clips").iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    "key",
    [
        "",
        ".",
        "..",
        "/etc/hostname",
        "../outside",
        "d/../../outside",
        "d/./1.0/clips/a.mp4",
        "d//1.0/clips/a.mp4",
        "d/1.0/clips/a.mp4/",
        "d\\1.0",
        "d/1.0/clips/a.mp4\0",
        "d/1.0/" + "x" * 300,
    ],
)
def test_a_strange_key_is_refused(store, root, key):
    (root.parent / "outside").write_bytes(b"secret")
    with pytest.raises(StorageError):
        store.open(key)
    with pytest.raises(StorageError):
        store.put(key, io.BytesIO(b"x"))
    assert (root.parent / "outside").read_bytes() == b"secret"


@given(st.lists(st.sampled_from(["..", ".", "", "d", "outside", "/", "\\", "~"]), max_size=6))
def test_no_spelling_reaches_outside(tmp_path_factory, steps):
    base = tmp_path_factory.mktemp("base")
    (base / "outside").write_bytes(b"secret")
    (base / "store" / "d").mkdir(parents=True)
    with pytest.raises(StorageError):
        LocalStorage(base / "store").open("/".join(steps))


def test_symbolic_links_are_not_followed(store, root, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "d/1.0/link").symlink_to(tmp_path / "secret")
    (root / "d/linked").symlink_to(tmp_path, target_is_directory=True)
    for key in ("d/1.0/link", "d/linked/secret"):
        assert not store.exists(key)
        with pytest.raises(StorageError):
            store.open(key)
    with pytest.raises(StorageError):
        store.put("d/linked/new", io.BytesIO(b"x"))
    assert not (tmp_path / "new").exists()


def test_only_plain_files_are_served(store, root):
    os.mkfifo(root / "d/pipe")
    for key in ("d", "d/1.0", "d/pipe", "d/1.0/clips/a.mp4/below", "d/none"):
        assert not store.exists(key)
        with pytest.raises(StorageError):
            store.open(key)


def test_the_root_may_be_a_link_and_need_not_exist_yet(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "var").symlink_to(tmp_path / "real", target_is_directory=True)
    store = LocalStorage(tmp_path / "var" / "files")
    assert not store.exists("a/b")
    store.put("a/b", io.BytesIO(b"x"))
    assert (tmp_path / "real/files/a/b").read_bytes() == b"x"
