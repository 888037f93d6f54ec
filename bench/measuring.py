"""Measuring: rows of ours against a baseline, printed and kept in `var/bench/<name>.json`."""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "var" / "bench"


@dataclass(frozen=True)
class Row:
    """One measure. `ratio` is ours / baseline; `runs` how many times each was measured."""

    measure: str
    ours: float
    baseline: float
    unit: str
    runs: int

    @property
    def ratio(self) -> float:
        return self.ours / self.baseline


def alternate(
    ours: Callable[[], object], baseline: Callable[[], object], runs: int
) -> tuple[float, float]:
    """Returns the median seconds of each, measured in turns so that both see the same machine."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for work, seconds in zip((ours, baseline), taken, strict=True):
            started = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - started)
    return statistics.median(taken[0]), statistics.median(taken[1])


def report(name: str, rows: Sequence[Row]) -> None:
    """Prints the rows as a table and writes them as JSON."""
    print(f"{name}\n  {'measure':44} {'ours':>10} {'baseline':>10} {'ratio':>7}  unit  runs")
    for row in rows:
        print(
            f"  {row.measure:44} {row.ours:10.3f} {row.baseline:10.3f} {row.ratio:7.3f}"
            f"  {row.unit:4}  {row.runs}"
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    data = [asdict(row) | {"ratio": round(row.ratio, 4)} for row in rows]
    (FOLDER / f"{name}.json").write_text(json.dumps(data, indent=2) + "\n")
