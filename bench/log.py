"""The audit log at a million entries: verifying, proving, appending, on SQLite.

The entries are downloads as the portal enters them, each with its two personal values. Baselines:
for verifying, bare SHA-256 over the same leaves; for a proof, SHA-256 over its hashes; for
appending, the same batch on a log of a thousand entries. Verifying is `audit_verify` as an operator
runs it, its start included; how long its one core computed is a row beside the time by the clock.
`BENCH_LOG_ENTRIES` sets the size.
"""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from bench.measuring import Row, report

ENTRIES = int(os.environ.get("BENCH_LOG_ENTRIES", "1000000"))
SMALL, BATCH, RUNS = 1_000, 100, 15

# It tells its peak itself: to whoever waits for it, it is at least as large as its parent was.
VERIFYING = """
import sys, time
from pathlib import Path
from django.core.management import execute_from_command_line
try:
    execute_from_command_line(["manage.py", "audit_verify", "--json"])
except SystemExit as end:
    if end.code:
        raise
peak = next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM"))
print(time.process_time(), int(peak.split()[1]) / 1024, file=sys.stderr)
"""


def main() -> None:
    """Fills a log in a folder of its own, measures, prints and keeps the rows."""
    with TemporaryDirectory(prefix="portal-bench-") as folder:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "cmed_portal.settings", "CMED_VAR_DIR": folder}
        os.environ["CMED_REDIS_URL"] = "memory://localhost"
        import django  # noqa: PLC0415 - needs the settings' name first

        django.setup()
        (Path(folder) / "static").mkdir(exist_ok=True)
        from django.core.management import call_command  # noqa: PLC0415

        call_command("migrate", verbosity=0)
        rows = measure()
    report("log", rows)


def measure() -> list[Row]:
    """Returns the rows, on a log that is made small first and large then."""
    from requests_app.audit import checkpoints, sequencing, tree  # noqa: PLC0415
    from requests_app.audit.models import Entry  # noqa: PLC0415

    sequencing.BATCH = 20_000  # type: ignore[misc]  # to fill it sooner
    fill(SMALL)
    checkpoints.seal()
    small = append()
    small_memory = audit_verify()[2]
    fill(ENTRIES - tree.size())
    checkpoints.seal()
    large = append()
    size = tree.size()
    proof = median(seconds(lambda: tree.inclusion(index=size // 3, size=size)) for _ in range(RUNS))
    hashes = tree.inclusion(index=size // 3, size=size)
    bare_proof = median(seconds(lambda: [sha(each + each) for each in hashes]) for _ in range(RUNS))
    verified, core, memory = audit_verify()
    leaf = sequencing.leaf_of(Entry.objects.get(pk=size // 2))
    bare = seconds(lambda: [sha(leaf) for _ in range(size)])
    return [
        Row(f"verify {size:,} entries", verified, bare, "s", 1),
        Row("seconds of one core for that", core, bare, "s", 1),
        Row("peak memory, verifying", memory, small_memory, "MB", 1),
        Row(f"one proof at {size:,}", proof * 1000, bare_proof * 1000, "ms", RUNS),
        Row(f"append and sequence, per entry, at {size:,}", large * 1000, small * 1000, "ms", RUNS),
    ]


def fill(count: int) -> None:
    """Writes entries with personal values, as many rows at once as the database takes."""
    from django.db import transaction  # noqa: PLC0415

    from requests_app.audit.models import Entry, PersonalValue, Unsequenced  # noqa: PLC0415

    for start in range(0, count, 10_000):
        made = [download(number) for number in range(start, min(start + 10_000, count))]
        with transaction.atomic():
            Entry.objects.bulk_create([entry for entry, _ in made])
            for entry, values in made:
                for item in values:
                    item.entry = entry
            PersonalValue.objects.bulk_create([item for _, values in made for item in values])
            Unsequenced.objects.bulk_create(Unsequenced(entry=entry) for entry, _ in made)


def download(number: int) -> tuple[Any, list[Any]]:
    """Returns an entry as a download of one clip leaves it, and its personal values."""
    from requests_app.audit import canonical, kinds  # noqa: PLC0415
    from requests_app.audit.models import Entry, PersonalValue  # noqa: PLC0415

    holder, personal = number % 50, {"ip": "192.0.2.7", "user_agent": "portal-client/1 Python/3.11"}
    values = [
        PersonalValue(field=field, value=value, salt=canonical.new_salt())
        for field, value in personal.items()
    ]
    entry = Entry(
        kind=kinds.FILE_DOWNLOADED,
        actor=f"user:{holder}",
        subject=f"grant:{UUID(int=holder)}",
        trail=f"access_request:{UUID(int=holder)}",
        details={
            "transfer": str(UUID(int=number)),
            "release": "1.0",
            "path": f"clips/hungry/gull-{number % 10_924:05d}.mp4",
            "sha256": f"{number:064x}",
            "range": "",
            "status": 200,
            "promised": 98_304,
            "bytes": 98_304,
            "outcome": "complete",
            "how": "portal",
            "started_at": "2026-01-31T12:00:00.123456+00:00",
            "link": str(UUID(int=holder)),
        },
        commitments={item.field: canonical.commitment(item.salt, item.value) for item in values},
    )
    return entry, values


def append() -> float:
    """Returns the median seconds that one entry of a batch costs, recorded and sequenced."""
    from django.db import transaction  # noqa: PLC0415

    from requests_app.audit import kinds, log, sequencing  # noqa: PLC0415
    from requests_app.audit.origin import Origin, acting_from  # noqa: PLC0415

    def batch() -> None:
        for _ in range(BATCH):
            with acting_from(Origin("192.0.2.7", "curl/8")), transaction.atomic():
                log.record(kinds.SIGNED_IN, by=log.SYSTEM, on=log.SYSTEM, method="password")
        sequencing.sequence()

    return median(seconds(batch) for _ in range(RUNS)) / BATCH


def audit_verify() -> tuple[float, float, float]:
    """Runs the command; returns its seconds, the seconds of a core, and its peak of memory (MB)."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", VERIFYING], capture_output=True, text=True, check=True
    )
    core, peak = map(float, done.stderr.split()[-2:])
    return time.perf_counter() - started, core, peak


def seconds(work: Callable[[], Any]) -> float:
    """Returns how long `work` took."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def sha(content: bytes) -> bytes:
    """The baseline."""
    return hashlib.sha256(content).digest()
