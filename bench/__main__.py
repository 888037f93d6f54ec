"""`python -m bench [name]`: one benchmark, or all of them. Exit code 2 for an unknown name."""

import importlib
import sys
from pathlib import Path

NOT_BENCHMARKS = {"__init__", "__main__", "bare", "measuring", "shape"}


def main(arguments: list[str]) -> int:
    """Runs the benchmarks named, all when none is."""
    known = sorted({path.stem for path in Path(__file__).parent.glob("*.py")} - NOT_BENCHMARKS)
    if unknown := set(arguments) - set(known):
        print(f"No such benchmark: {', '.join(sorted(unknown))}. There are: {', '.join(known)}.")
        return 2
    for name in arguments or known:
        importlib.import_module(f"bench.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
