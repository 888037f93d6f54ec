"""Publishing a release, against coreutils' `sha256sum` over the same files on all cores.

*Hash and record* is what publishing does to files that are in place already: walk and compare with
`labels.csv`, SHA-256 and CRC-32 of every byte, rows, manifest and entry in one transaction, the
rename, and a sync of the disk. The second row copies the files into the store as well, as
`publish_release` does; `sha256sum` writes nothing. The clips are as many as CMED's, each 100 kB of
made-up bytes. Ours and the baseline run in turn. The database is the embedded shape's own, SQLite
that syncs each commit, and so is the queue, which is told of each release: a Redis on a socket.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measuring import Row, alternate, report
from tests.e2e.person import until
from tests.e2e.servers import running

RUNS = 5
CLIPS, CLIP_BYTES = 10_924, 100_000


def main() -> None:
    """Measures both ways against the baseline; prints and keeps the rows in MB/s."""
    with TemporaryDirectory(prefix="portal-bench-") as scratch, redis(Path(scratch)):
        folder = make_folder(Path(scratch) / "release")
        in_place, copied = publishers(Path(scratch), folder)
        megabytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
        rows = []
        for measure, publish in (
            ("hash and record", in_place),
            ("hash, record and copy into the store", copied),
        ):
            sha256sum(folder)  # the files are in the page cache for both
            ours, baseline = alternate(publish, lambda: sha256sum(folder), RUNS)
            rows.append(Row(measure, megabytes / ours, megabytes / baseline, "MB/s", RUNS))
        report("publishing", rows)


@contextmanager
def redis(scratch: Path) -> Iterator[None]:
    """A queue for the portal, on a socket in `scratch`."""
    options = ["--port", "0", "--unixsocket", str(scratch / "redis.sock"), "--save", ""]
    with running(["redis-server", *options, "--dir", str(scratch)], None):
        until("Redis listening", (scratch / "redis.sock").exists, seconds=30)
        yield


def make_folder(folder: Path) -> Path:
    """Writes clips of random bytes, no two alike, and their labels."""
    clips = [f"clips/hungry/gull-{number:05d}.mp4" for number in range(CLIPS)]
    (folder / "clips/hungry").mkdir(parents=True)
    for clip in clips:
        (folder / clip).write_bytes(os.urandom(CLIP_BYTES))
    rows = [f"{clip},hungry,P{number % 99:03d}\n" for number, clip in enumerate(clips)]
    (folder / "labels.csv").write_text("path,label,participant_code\n" + "".join(rows))
    return folder


def sha256sum(folder: Path) -> None:
    """Hashes every file with as many processes as there are cores."""
    cores = os.cpu_count() or 1
    share = str(-(-CLIPS // (4 * cores)))
    found = subprocess.run(
        ["find", folder, "-type", "f", "-print0"], capture_output=True, check=True
    )
    subprocess.run(
        ["xargs", "-0", "-P", str(cores), "-n", share, "sha256sum"],
        input=found.stdout,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def publishers(scratch: Path, folder: Path) -> tuple[Callable[[], object], Callable[[], object]]:
    """Returns what publishes the next version from files in place, and from a folder elsewhere."""
    dataset = set_up(scratch)
    from requests_app.audit import log  # noqa: PLC0415 - needs a set-up Django
    from requests_app.distribution.publishing import publish_release, publish_staged  # noqa: PLC0415

    stages = [scratch / f"stage-{number}" for number in range(RUNS)]
    for stage in stages:
        shutil.copytree(folder, stage, copy_function=os.link)
    versions = count()

    def in_place() -> None:
        version = f"1.{next(versions)}"
        stage = stages.pop()
        publish_staged(dataset=dataset, version=version, folder=stage, by=log.OPERATOR)

    def copied() -> None:
        version = f"1.{next(versions)}"
        publish_release(dataset=dataset, version=version, folder=folder, by=log.OPERATOR)

    return in_place, copied


def set_up(scratch: Path) -> object:
    """Starts Django in the embedded shape with an empty database, and loads a dataset."""
    for name in [name for name in os.environ if name.startswith("CMED_")]:
        del os.environ[name]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "cmed_portal.settings",
        "CMED_VAR_DIR": str(scratch / "var"),
        "CMED_REDIS_URL": f"unix://{scratch}/redis.sock",
    }
    import django  # noqa: PLC0415 - needs the settings' name first

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from requests_app.audit import log  # noqa: PLC0415
    from requests_app.datasets.loading import load_dataset  # noqa: PLC0415
    from tests.factories.datasets import write_card  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    return load_dataset(card_path=write_card(scratch / "card.toml"), by=log.OPERATOR).dataset
