"""The ZIP of a release from local files, against `cat` of the same files in the same order.

Both write to /dev/null, and every file is in the page cache: what is compared is the work of each,
not the disk. The memory is that of this process over five gigabytes of ZIP.
"""

import os
import resource
import subprocess
import zlib
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measuring import Row, alternate, report
from requests_app.distribution.archive import Archive, Member
from requests_app.distribution.archive_tar import TarArchive
from requests_app.distribution.archive_zip import ZipArchive
from requests_app.distribution.storage.local import LocalStorage
from requests_app.distribution.streams import stream

CLIPS, BYTES = 10_924, 96 * 1024
RUNS = 7
MEGABYTE = 1_000_000
ALLOWED_GROWTH = 20.0


def main() -> None:
    """Makes the files, measures in turns, prints and keeps the rows."""
    with TemporaryDirectory(prefix="portal-bench-") as folder:
        root = Path(folder)
        members = [_clip(root, number) for number in range(CLIPS)]
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        both = [
            form(folder="cmed-1.0", moment=moment, members=members)
            for form in (ZipArchive, TarArchive)
        ]
        listed = root / "list"
        listed.write_text("".join(f"{root / each.key}\0" for each in members))
        rows = [_row(root, archive, listed) for archive in both]
        rows.append(_growth(root, both[0]))
    report("zip", rows)


def _clip(root: Path, number: int) -> Member:
    path = f"clips/{number % 8}/{number:05}.mp4"
    content = number.to_bytes(4, "big") * (BYTES // 4)
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)
    return Member(path, BYTES, zlib.crc32(content), sha256(content).hexdigest(), key=path)


def _row(root: Path, archive: Archive, listed: Path) -> Row:
    def cat() -> None:
        with listed.open() as paths, Path(os.devnull).open("wb") as sink:
            subprocess.run(["xargs", "-0", "cat"], stdin=paths, stdout=sink, check=True)

    def ours() -> None:
        _send(root, archive)

    ours(), cat()  # both find every file in the page cache
    seconds, bare = alternate(ours, cat, RUNS)
    speed, baseline = archive.length / MEGABYTE / seconds, CLIPS * BYTES / MEGABYTE / bare
    return Row(f"{archive.suffix} of {CLIPS:,} clips / cat", speed, baseline, "MB/s", RUNS)


def _growth(root: Path, archive: Archive) -> Row:
    before = _peak()
    for _ in range(5 * 1000 * MEGABYTE // archive.length + 1):
        _send(root, archive)
    return Row("memory growth over 5 GB of ZIP, allowed", _peak() - before, ALLOWED_GROWTH, "MB", 1)


def _send(root: Path, archive: Archive) -> None:
    with Path(os.devnull).open("wb", buffering=0) as sink:
        sink.writelines(stream(LocalStorage(root), archive.segments(0, archive.length)))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
