"""The described tar: what readers think of it, and that any range of it is a range of the whole."""

import io
import shutil
import subprocess
import tarfile
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.distribution.archive import Slice, text_member
from requests_app.distribution.archive_tar import TarArchive
from tests.distribution.described import GIB, MOMENT, Disk, Virtual, write_sparse, zeros


def tar(members) -> TarArchive:
    return TarArchive(folder="d-1.0", moment=MOMENT, members=members)


@pytest.fixture
def disk() -> Disk:
    clips = {f"clips/anger/{n:04}.mp4": bytes([n]) * (n * 37) for n in range(30)}
    odd = {"empty.txt": b"", "block.bin": bytes(512), "clips/陈伟 é.mp4": b"x"}
    long = {f"{'deep/' * 40}{'n' * 90}.mp4": b"a long path"}
    return Disk({"labels.csv": b"path,label\n"} | odd | long | clips)


def test_python_reads_back_every_member(disk):
    archive = tar(disk.members)
    whole = disk.render(archive)
    assert len(whole) == archive.length
    assert archive.length % tarfile.RECORDSIZE == 0
    with tarfile.open(fileobj=io.BytesIO(whole), mode="r:") as reader:
        found = {each.name: reader.extractfile(each).read() for each in reader.getmembers()}
        facts = {(each.mode, each.uid, each.gid, each.uname) for each in reader.getmembers()}
        moments = {each.mtime for each in reader.getmembers()}
    assert found == {f"d-1.0/{path}": content for path, content in disk.contents.items()}
    assert facts == {(0o644, 0, 0, "")}
    assert moments == {int(MOMENT.timestamp())}


def test_tar_lists_and_unpacks_it(disk, tmp_path):
    (tmp_path / "d.tar").write_bytes(disk.render(tar(disk.members)))
    run = {"cwd": tmp_path, "capture_output": True, "text": True}
    listed = subprocess.run([shutil.which("tar"), "-tvf", "d.tar"], check=True, **run)
    assert (listed.stdout.count("\n"), listed.stderr) == (len(disk.contents), "")
    subprocess.run([shutil.which("tar"), "-xf", "d.tar"], check=True, **run)
    for path, content in disk.contents.items():
        assert (tmp_path / "d-1.0" / path).read_bytes() == content


def test_a_short_ascii_path_needs_no_extended_header():
    assert tar([zeros("a" * 80, 0)]).length == tarfile.RECORDSIZE
    first = b"".join(tar([zeros("a" * 80, 0)]).segments(0, 512))
    assert first[156:157] == tarfile.REGTYPE


contents = st.dictionaries(
    st.text("abé陈/", min_size=1, max_size=60).map(lambda text: f"f/{text.replace('/', '-')}"),
    st.binary(max_size=1100),
    max_size=6,
)


@given(contents, st.data())
def test_any_range_is_that_range_of_the_whole(files, data):
    disk = Disk(files)
    archive = tar([text_member("manifest.sha256", b"0123456789"), *disk.members])
    whole = disk.render(archive)
    start = data.draw(st.integers(0, archive.length))
    stop = data.draw(st.integers(start, archive.length))
    assert disk.render(archive, start, stop) == whole[start:stop]


# 8 GiB is where the size no longer fits the ustar header.
@pytest.mark.parametrize("size", [5 * GIB, 8 * GIB - 1, 8 * GIB, 9 * GIB + 3])
def test_members_beyond_four_and_eight_gib(size, tmp_path):
    archive = tar([zeros("large.bin", size), text_member("last.txt", b"last")])
    with tarfile.open(fileobj=Virtual(archive), mode="r:") as reader:
        assert [each.size for each in reader.getmembers()] == [size, 4]
        assert reader.extractfile("d-1.0/last.txt").read() == b"last"
    write_sparse(archive, tmp_path / "large.tar")
    listed = subprocess.run(
        [shutil.which("tar"), "-tvf", tmp_path / "large.tar"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(size) in listed.stdout


def test_seventy_thousand_members(tmp_path):
    archive = tar([zeros(f"{n:x}", n % 700) for n in range(70_000)])
    write_sparse(archive, tmp_path / "many.tar")
    listed = subprocess.run(
        [shutil.which("tar"), "-tf", tmp_path / "many.tar"], capture_output=True, check=True
    )
    assert (listed.stdout.count(b"\n"), listed.stderr) == (70_000, b"")
    with tarfile.open(tmp_path / "many.tar", mode="r:") as reader:
        assert sum(1 for _ in reader) == 70_000
    assert sum(isinstance(each, Slice) for each in archive.segments(0, archive.length)) == 69_900


def test_every_fact_counts_in_the_tag(disk):
    tags = {tar(disk.members).etag, tar(disk.members[:-1]).etag, tar([]).etag}
    for fact in ({"path": "other"}, {"size": 5}, {"sha256": "5"}):
        tags.add(tar([disk.members[0]._replace(**fact), *disk.members[1:]]).etag)
    later = MOMENT + timedelta(seconds=1)
    tags.add(TarArchive(folder="d-1.0", moment=later, members=disk.members).etag)
    assert len(tags) == 7


def test_a_fraction_of_a_second_and_another_zone_change_nothing(disk):
    other = datetime(2026, 3, 4, 15, 16, 18, 999999, tzinfo=UTC)
    archive = TarArchive(folder="d-1.0", moment=other, members=disk.members)
    assert archive.etag == tar(disk.members).etag
