"""Publishing: all of a release or nothing of it, and never a change after."""

import hashlib
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from django.db import DatabaseError, transaction

from requests_app import conf
from requests_app.audit import kinds, log
from requests_app.audit.models import Entry
from requests_app.datasets.folder import read_folder
from requests_app.datasets.loading import load_dataset
from requests_app.datasets.models import Dataset, File, Release
from requests_app.distribution import publishing
from requests_app.distribution.packages import package_of, storage
from requests_app.distribution.publishing import publish_release
from requests_app.distribution.storage import staging
from requests_app.errors import Conflict, Invalid
from tests.factories.datasets import release_folder, write_card
from tests.factories.log import queries_of_an_entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset(tmp_path) -> Dataset:
    return load_dataset(card_path=write_card(tmp_path / "card.toml"), by=log.OPERATOR).dataset


@pytest.fixture(autouse=True)
def store(tmp_path, settings, monkeypatch) -> Path:
    settings.FILES_DIR = tmp_path / "store"
    # Flushing the whole machine's disks proves nothing here and may take seconds.
    monkeypatch.setattr(staging, "settle", lambda: None)
    return tmp_path / "store"


@pytest.fixture
def folder(tmp_path) -> Path:
    return release_folder(tmp_path / "release")


def publish(dataset, folder, version="1.0", **more):
    return publish_release(dataset=dataset, version=version, folder=folder, by=log.OPERATOR, **more)


def visible(store: Path) -> list[str]:
    """Paths of all files in the store, unfinished ones included."""
    return sorted(p.relative_to(store).as_posix() for p in store.rglob("*") if p.is_file())


def test_every_file_is_described_and_stored(dataset, folder):
    release = publish(dataset, folder)
    sources = [path for path in folder.rglob("*") if path.is_file()]
    assert {file.path for file in release.files.all()} == {
        path.relative_to(folder).as_posix() for path in sources
    }
    for file in release.files.all():
        content = (folder / file.path).read_bytes()
        with storage().open(f"{release.storage_prefix}/{file.path}") as stored:
            assert stored.read() == content
        assert file.size == len(content)
        assert file.sha256 == hashlib.sha256(content).hexdigest()
        assert file.crc32 == zlib.crc32(content)
    assert release.file_count == len(sources) == 5
    assert release.total_bytes == sum(path.stat().st_size for path in sources)


def test_large_files_are_copied_side_by_side_and_whole(dataset, folder, store):
    for number in (1, 2, 3):
        clip = folder / f"clips/hungry/gull-{number:03d}.mp4"
        clip.write_bytes(bytes([number]) * (3 * 1024 * 1024 + number))
    release = publish(dataset, folder)
    for file in release.files.all():
        content = (store / "gulls/1.0" / file.path).read_bytes()
        assert content == (folder / file.path).read_bytes()
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_clips_carry_label_and_participant_and_other_files_do_not(dataset, folder):
    release = publish(dataset, folder)
    rows = set(release.files.values_list("path", "label", "participant_code"))
    assert ("clips/hungry/gull-002.mp4", "hungry", "P002") in rows
    assert ("labels.csv", "", "") in rows
    assert ("README.txt", "", "") in rows


def test_the_manifest_digest_is_that_of_the_manifest_handed_out(dataset, folder):
    release = publish(dataset, folder)
    text = package_of(release).manifest
    assert hashlib.sha256(text).hexdigest() == release.manifest_sha256
    stored = conf.files_dir() / release.storage_prefix / "manifest.sha256"
    assert stored.read_bytes() == text, "it lies beside the files, for `sha256sum -c`"
    assert len(text.splitlines()) == release.file_count


def test_publishing_is_recorded(dataset, folder):
    release = publish(dataset, folder, is_synthetic=True)
    entry = Entry.objects.get(kind=kinds.RELEASE_PUBLISHED)
    assert (entry.actor, entry.subject) == ("operator", "release:gulls/1.0")
    assert entry.details == {
        "version": "1.0",
        "files": 5,
        "bytes": release.total_bytes,
        "manifest_sha256": release.manifest_sha256,
        "synthetic": True,
    }


def test_a_published_version_is_never_published_again(dataset, folder, store):
    release = publish(dataset, folder)
    before = visible(store)
    (folder / "README.txt").write_text("Other gulls.\n")
    with pytest.raises(Conflict, match=r"Release 1\.0 of .* is published and cannot change"):
        publish(dataset, folder)
    assert Release.objects.get() == release
    assert visible(store) == before
    with storage().open("gulls/1.0/README.txt") as stored:
        assert stored.read() == b"Gulls.\n"


def test_the_database_refuses_to_change_a_published_release(dataset, folder):
    release = publish(dataset, folder)
    release.manifest_sha256 = "0" * 64
    attempts = [
        release.save,
        release.files.all().delete,
        lambda: File.objects.filter(release=release).update(sha256="0" * 64),
        lambda: Release.objects.all().update(version="2.0"),
    ]
    for attempt in attempts:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            attempt()
    assert Release.objects.get().manifest_sha256 != "0" * 64
    assert release.files.count() == 5


def test_another_version_stands_beside_the_first(dataset, folder, store):
    publish(dataset, folder)
    (folder / "README.txt").write_text("More gulls.\n")
    publish(dataset, folder, "1.0.1")
    assert set(dataset.releases.values_list("version", flat=True)) == {"1.0", "1.0.1"}
    assert (store / "gulls/1.0/README.txt").read_text() == "Gulls.\n"
    assert (store / "gulls/1.0.1/README.txt").read_text() == "More gulls.\n"


@pytest.mark.parametrize("version", ["", "1", "v1.0", "1.0 ", "../1.0", "1.0.0.0", "01.0", "1.0\n"])
def test_a_version_is_numbers_and_dots(dataset, folder, version, store):
    with pytest.raises(Invalid, match=r"write it like 1\.0"):
        publish(dataset, folder, version)
    assert not store.exists()


def test_a_folder_that_disagrees_with_its_labels_leaves_no_trace(dataset, folder, store):
    (folder / "clips/hungry/gull-002.mp4").unlink()
    (folder / "stray.mp4").write_text("clip")
    with pytest.raises(Invalid) as caught:
        publish(dataset, folder)
    assert [fault.split()[0] for fault in caught.value.fields["folder"]] == [
        "stray.mp4",
        "clips/hungry/gull-002.mp4",
    ]
    assert not Release.objects.exists()
    assert not store.exists()


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_is_interrupted_leaves_nothing_behind(dataset, folder, store, problem):
    def stop(done, total):
        if done == 3:
            raise problem

    with pytest.raises(type(problem)):
        publish(dataset, folder, progress=stop)
    assert not Release.objects.exists()
    assert not File.objects.exists()
    assert visible(store) == []
    assert publish(dataset, folder).file_count == 5


def test_threads_that_still_copy_are_waited_for_before_their_files_are_removed(
    dataset, tmp_path, store
):
    folder = release_folder(tmp_path / "large", clips=40)
    for clip in (folder / "clips/hungry").iterdir():
        clip.write_bytes(b"clip" * 250_000)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(dataset, folder, progress=stop)
    assert visible(store) == []
    assert list((store / staging.STAGING).iterdir()) == []


def after_the_look(monkeypatch, deed: Callable[[], None]) -> None:
    """Do the deed after the folder was found to agree and before anything is copied."""

    def read_and_do(folder, card):
        files = read_folder(folder, card)
        deed()
        return files

    monkeypatch.setattr(publishing, "read_folder", read_and_do)


def test_a_file_that_vanishes_meanwhile_stops_the_publication(dataset, folder, store, monkeypatch):
    after_the_look(monkeypatch, (folder / "labels.csv").unlink)
    with pytest.raises(OSError, match=r"labels\.csv"):
        publish(dataset, folder)
    assert not Release.objects.exists()
    assert visible(store) == []


def test_a_link_laid_there_meanwhile_is_not_followed(dataset, folder, store, monkeypatch, tmp_path):
    def swap() -> None:
        (tmp_path / "secret").write_text("secret")
        (folder / "labels.csv").unlink()
        (folder / "labels.csv").symlink_to(tmp_path / "secret")

    after_the_look(monkeypatch, swap)
    with pytest.raises(OSError, match=r"labels\.csv"):
        publish(dataset, folder)
    assert visible(store) == []


def test_a_release_that_cannot_be_recorded_does_not_happen(dataset, folder, store, monkeypatch):
    monkeypatch.setitem(kinds.KINDS, kinds.RELEASE_PUBLISHED, kinds.KINDS[kinds.SIGNED_IN])
    with pytest.raises(ValueError, match="does not declare"):
        publish(dataset, folder)
    assert not Release.objects.exists()
    assert visible(store) == []


def test_of_two_at_once_the_second_to_finish_is_told(dataset, folder, store, tmp_path, monkeypatch):
    """Also where the lock did not hold: the rows are looked at once more before the end."""
    monkeypatch.setattr(publishing, "only_publisher", lambda name: nullcontext(lambda: None))
    other = release_folder(tmp_path / "other", clips=1)

    def be_first(done, total):
        if done == total:
            publish(dataset, other)

    with pytest.raises(Conflict, match="is published and cannot change"):
        publish(dataset, folder, progress=be_first)
    assert Release.objects.get().file_count == 3
    assert len(visible(store)) == 4


def test_files_of_a_publication_that_never_committed_make_way(dataset, folder, store):
    (store / "gulls/1.0").mkdir(parents=True)
    (store / "gulls/1.0/half.mp4").write_text("half")
    publish(dataset, folder)
    assert "gulls/1.0/half.mp4" not in visible(store)
    assert len(visible(store)) == 6


FILL_AND_WAIT = """
import sys, pathlib
from requests_app.distribution.storage.staging import staged
with staged(pathlib.Path(sys.argv[1])) as folder:
    (folder / "half.mp4").write_text("half")
    print("filled", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_is_removed_and_a_living_one_is_spared(store):
    command = [sys.executable, "-c", FILL_AND_WAIT, str(store)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        subprocess.Popen(command, **pipes) as killed,
        subprocess.Popen(command, **pipes) as living,
    ):
        try:
            assert killed.stdout.readline() == living.stdout.readline() == b"filled\n"
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            with staging.staged(store):
                assert len(visible(store)) == 1
            living.communicate()
        finally:
            living.kill()
            killed.kill()
    assert visible(store) == []


def test_a_stray_file_among_the_staging_folders_is_left_alone(dataset, folder, store):
    (store / staging.STAGING).mkdir(parents=True)
    (store / staging.STAGING / "note.txt").write_text("not ours")
    publish(dataset, folder)
    assert f"{staging.STAGING}/note.txt" in visible(store)


def test_progress_counts_every_file(dataset, folder):
    seen = []
    publish(dataset, folder, progress=lambda *step: seen.append(step))
    assert seen == [(number, 5) for number in range(1, 6)]


@pytest.mark.parametrize("clips", [1, 3])
def test_the_number_of_queries_does_not_grow_with_the_files(
    dataset, tmp_path, clips, django_assert_num_queries
):
    folder = release_folder(tmp_path / "release", clips=clips)
    # is it there, savepoint, lock, is it there, release, files, entry, end of the savepoint
    with django_assert_num_queries(7 + queries_of_an_entry()):
        publish(dataset, folder)
    assert Release.objects.get().file_count == clips + 2
