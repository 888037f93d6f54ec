"""The described ZIP: what readers think of it, and that any range of it is a range of the whole."""

import dataclasses
import io
import random
import shutil
import subprocess
import time
import zipfile
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.distribution.archive import Slice, text_member
from requests_app.distribution.archive_zip import ZipArchive
from tests.distribution.described import GIB, MOMENT, Disk, Virtual, write_sparse, zeros


def archive_of(disk: Disk, **changes) -> ZipArchive:
    return ZipArchive(**{"folder": "d-1.0", "moment": MOMENT, "members": disk.members} | changes)


@pytest.fixture
def disk() -> Disk:
    clips = {f"clips/anger/{n:04}.mp4": bytes([n]) * (n * 37) for n in range(30)}
    return Disk({"labels.csv": b"path,label\n", "empty.txt": b"", "clips/陈伟 é.mp4": b"x"} | clips)


def test_python_reads_back_every_member(disk):
    archive = archive_of(disk)
    whole = disk.render(archive)
    assert len(whole) == archive.length
    with zipfile.ZipFile(io.BytesIO(whole)) as reader:
        assert reader.testzip() is None
        assert {name: reader.read(name) for name in reader.namelist()} == {
            f"d-1.0/{path}": content for path, content in disk.contents.items()
        }
        assert {info.date_time for info in reader.infolist()} == {(2026, 3, 4, 15, 16, 18)}
        assert {info.flag_bits & 0x800 for info in reader.infolist()} == {0x800}
        assert {info.external_attr >> 16 for info in reader.infolist()} == {0o100644}


def test_unzip_finds_no_fault_and_the_manifest_holds(disk, tmp_path):
    manifest = "".join(f"{member.sha256}  {member.path}\n" for member in disk.members).encode()
    archive = archive_of(disk, members=[text_member("manifest.sha256", manifest), *disk.members])
    target = tmp_path / "release.zip"
    target.write_bytes(disk.render(archive))
    tested = subprocess.run(
        [_tool("unzip"), "-t", target], capture_output=True, text=True, check=False
    )
    assert (tested.returncode, "No errors detected" in tested.stdout) == (0, True)
    with zipfile.ZipFile(target) as reader:
        reader.extractall(tmp_path)
    checked = subprocess.run(
        [_tool("sha256sum"), "-c", "--strict", "--quiet", "manifest.sha256"],
        cwd=tmp_path / "d-1.0",
        check=False,
    )
    assert checked.returncode == 0


def test_the_same_release_is_the_same_bytes_wherever_the_clock_stands(disk):
    here, elsewhere = archive_of(disk), archive_of(disk, moment=MOMENT.astimezone(_tokyo()))
    assert disk.render(here) == disk.render(elsewhere)
    assert here.etag == elsewhere.etag
    assert here.etag.startswith('"')


@pytest.mark.parametrize(
    "change",
    [
        {"folder": "d-1.1"},
        {"moment": MOMENT + timedelta(minutes=1)},
        {"members": []},
    ],
)
def test_another_archive_has_another_tag(disk, change):
    assert archive_of(disk, **change).etag != archive_of(disk).etag


@pytest.mark.parametrize("fact", [{"path": "other"}, {"size": 5}, {"crc32": 5}, {"sha256": "5"}])
def test_every_fact_of_a_member_counts_in_the_tag(disk, fact):
    changed = [disk.members[0]._replace(**fact), *disk.members[1:]]
    assert archive_of(disk, members=changed).etag != archive_of(disk).etag


def test_an_archive_without_members_is_a_valid_zip():
    disk = Disk({})
    assert zipfile.ZipFile(io.BytesIO(disk.render(archive_of(disk)))).namelist() == []


@pytest.mark.parametrize(
    "path",
    ["../up", "a/../b", "/root", "a//b", "./a", "a/", "", "a\\b", "C:x", "a\0b", "x" * 70000],
)
def test_a_path_that_would_leave_the_folder_is_refused(path):
    with pytest.raises(ValueError, match="archive"):
        archive_of(Disk({path: b""}))


def test_a_path_is_there_once_only(disk):
    with pytest.raises(ValueError, match="twice"):
        archive_of(disk, members=[disk.members[0], disk.members[0]])


def test_dates_that_zip_cannot_write_are_the_nearest_it_can():
    disk = Disk({"a": b"a"})
    for year, shown in ((1970, 1980), (2500, 2107)):
        whole = disk.render(archive_of(disk, moment=MOMENT.replace(year=year)))
        assert zipfile.ZipFile(io.BytesIO(whole)).infolist()[0].date_time[0] == shown


contents = st.dictionaries(
    st.text("abé陈/", min_size=1, max_size=9).map(lambda text: f"f/{text.replace('/', '-')}"),
    st.binary(max_size=60),
    max_size=8,
)


@given(contents, st.data())
def test_any_range_is_that_range_of_the_whole(files, data):
    disk = Disk(files)
    archive = archive_of(
        disk, members=[text_member("manifest.sha256", b"0123456789"), *disk.members]
    )
    whole = disk.render(archive)
    start = data.draw(st.integers(0, archive.length))
    stop = data.draw(st.integers(start, archive.length))
    assert disk.render(archive, start, stop) == whole[start:stop]


# The third puts the second member at exactly 2**32 - 1, the value that means "see the extra field".
@pytest.mark.parametrize(
    "size",
    [0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFF - 30 - len("d/large.bin"), 0x100000000, 5 * GIB],
)
def test_sizes_and_offsets_around_four_gib(size):
    small = b"the last member"
    members = [zeros("large.bin", size), text_member("last.txt", small)]
    archive = ZipArchive(folder="d", moment=MOMENT, members=members)
    with zipfile.ZipFile(Virtual(archive)) as reader:
        assert [info.file_size for info in reader.infolist()] == [size, len(small)]
        assert reader.read("d/last.txt") == small
        with reader.open("d/large.bin") as large:
            assert large.read(64) == bytes(64)


# Debian's unzip 6.0 stumbles over a member of exactly 2**32 - 1 bytes, so none is asked of it.
@pytest.mark.parametrize("size", [0xFFFFFFFE, 0x100000000, 5 * GIB])
def test_unzip_reads_a_member_beyond_four_gib(tmp_path, size):
    members = [zeros("large.bin", size), zeros("more.bin", GIB), text_member("last.txt", b"last")]
    archive = ZipArchive(folder="d", moment=MOMENT, members=members)
    write_sparse(archive, tmp_path / "large.zip")
    tested = subprocess.run(
        [_tool("unzip"), "-t", tmp_path / "large.zip", "d/last.txt"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout


def test_a_random_range_of_a_large_release_needs_only_the_pieces_in_it():
    members = [zeros(f"{n:05}.mp4", 5 * GIB) for n in range(3000)]
    archive = ZipArchive(folder="d", moment=MOMENT, members=members)
    chance = random.Random(7)
    for _ in range(200):
        start = chance.randrange(archive.length)
        pieces = list(archive.segments(start, min(start + GIB, archive.length)))
        assert len(pieces) <= 4 or start > archive.length - GIB


@pytest.mark.parametrize("count", [0xFFFE, 0xFFFF, 0x10000])
def test_more_members_than_sixteen_bits_count(count, tmp_path):
    members = [zeros(f"{n:x}", 0) for n in range(count)]
    archive = ZipArchive(folder="d", moment=MOMENT, members=members)
    target = tmp_path / "many.zip"
    target.write_bytes(Disk({}).render(archive))
    with zipfile.ZipFile(target) as reader:
        assert len(reader.infolist()) == count
    assert (b"PK\6\6" in target.read_bytes()[-200:]) == (count >= 0xFFFF)
    tested = subprocess.run(
        [_tool("unzip"), "-tq", target], capture_output=True, text=True, check=False
    )
    assert (tested.returncode, "No errors detected" in tested.stdout) == (0, True)


def test_eleven_thousand_clips_are_laid_out_at_once():
    members = [zeros(f"clips/happiness/{n:05}.mp4", 100_000) for n in range(10_924)]
    began = time.perf_counter()
    archive = ZipArchive(folder="cmed-1.0", moment=MOMENT, members=members)
    assert time.perf_counter() - began < 2
    pieces = [p for p in archive.segments(0, archive.length) if isinstance(p, Slice)]
    assert len(pieces) == 10_924


def test_a_slice_is_a_value():
    part = Slice("k", 0, 1, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        part.stop = 2


def _tokyo() -> timezone:
    return timezone(timedelta(hours=9))


def _tool(name: str) -> str:
    path = shutil.which(name)
    assert path, f"this test needs the program {name}"
    return path
