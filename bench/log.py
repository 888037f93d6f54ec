"""The audit log at a million entries: verifying, proving, appending, on SQLite.

Baselines: for verifying, bare SHA-256 over the same leaves; for a proof, SHA-256 over its hashes;
for appending, the same batch on a log of a thousand entries. `BENCH_LOG_ENTRIES` sets the size.
"""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.measuring import Row, report

ENTRIES = int(os.environ.get("BENCH_LOG_ENTRIES", "1000000"))
SMALL, BATCH, RUNS = 1_000, 100, 15


def main() -> None:
    """Fills a log in a folder of its own, measures, prints and keeps the rows."""
    with TemporaryDirectory(prefix="portal-bench-") as folder:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "cmed_portal.settings", "CMED_VAR_DIR": folder}
        import django  # noqa: PLC0415 - needs the settings' name first

        django.setup()
        (Path(folder) / "static").mkdir(exist_ok=True)
        from django.core.management import call_command  # noqa: PLC0415

        call_command("migrate", verbosity=0)
        rows = measure()
    report("log", rows)


def measure() -> list[Row]:
    """Returns the rows, on a log that is made small first and large then."""
    from bench.agreement import peak_megabytes  # noqa: PLC0415
    from requests_app.audit import checkpoints, sequencing, tree, verifying  # noqa: PLC0415
    from requests_app.audit.models import Entry  # noqa: PLC0415

    sequencing.BATCH = 20_000  # type: ignore[misc]  # to fill it sooner
    fill(SMALL)
    checkpoints.seal()
    small = append()
    small_memory = taken_and_peak(lambda: verifying.verify(progress=quiet), peak_megabytes)[1]
    fill(ENTRIES - tree.size())
    checkpoints.seal()
    large = append()
    size = tree.size()
    proof = median(seconds(lambda: tree.inclusion(index=size // 3, size=size)) for _ in range(RUNS))
    hashes = tree.inclusion(index=size // 3, size=size)
    bare_proof = median(seconds(lambda: [sha(each + each) for each in hashes]) for _ in range(RUNS))
    verified, memory = taken_and_peak(lambda: verifying.verify(progress=quiet), peak_megabytes)
    leaf = sequencing.leaf_of(Entry.objects.latest("pk"))
    bare = seconds(lambda: [sha(leaf) for _ in range(size)])
    return [
        Row(f"verify {size:,} entries", verified, bare, "s", 1),
        Row("peak memory, verifying", memory, small_memory, "MB", 1),
        Row(f"one proof at {size:,}", proof * 1000, bare_proof * 1000, "ms", RUNS),
        Row(f"append and sequence, per entry, at {size:,}", large * 1000, small * 1000, "ms", RUNS),
    ]


def fill(count: int) -> None:
    """Writes entries with a personal value each, as many rows at once as the database takes."""
    from django.db import transaction  # noqa: PLC0415

    from requests_app.audit import canonical, kinds  # noqa: PLC0415
    from requests_app.audit.models import Entry, PersonalValue, Unsequenced  # noqa: PLC0415

    for start in range(0, count, 10_000):
        values = [
            PersonalValue(field="ip", value="192.0.2.7", salt=canonical.new_salt())
            for _ in range(min(10_000, count - start))
        ]
        entries = [
            Entry(
                kind=kinds.FILE_DOWNLOADED,
                actor="user:7",
                subject="file:clips/000001.mp4",
                trail="access_request:00000000-0000-4000-8000-000000000000",
                details={"release": "1.0", "path": "clips/000001.mp4", "bytes": 98_304},
                commitments={"ip": canonical.commitment(item.salt, item.value)},
            )
            for item in values
        ]
        with transaction.atomic():
            Entry.objects.bulk_create(entries)
            for item, entry in zip(values, entries, strict=True):
                item.entry = entry
            PersonalValue.objects.bulk_create(values)
            Unsequenced.objects.bulk_create(Unsequenced(entry=entry) for entry in entries)


def append() -> float:
    """Returns the median seconds that one entry of a batch costs, recorded and sequenced."""
    from django.db import transaction  # noqa: PLC0415

    from requests_app.audit import kinds, log, sequencing  # noqa: PLC0415

    def batch() -> None:
        for _ in range(BATCH):
            with transaction.atomic():
                log.record(kinds.SIGNED_IN, by=log.SYSTEM, on=log.SYSTEM, method="password")
        sequencing.sequence()

    return median(seconds(batch) for _ in range(RUNS)) / BATCH


def taken_and_peak(work: Callable[[], Any], peak: Callable[[], float]) -> tuple[float, float]:
    """Returns the seconds that `work` took and the peak of memory after it."""
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak (proc(5))
    return seconds(work), peak()


def seconds(work: Callable[[], Any]) -> float:
    """Returns how long `work` took."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def quiet(done: int, total: int) -> None:
    """Shows no progress."""


def sha(content: bytes) -> bytes:
    """The baseline."""
    return hashlib.sha256(content).digest()
