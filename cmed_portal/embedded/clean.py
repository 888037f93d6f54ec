"""`make clean`: remove `var/`, all that the embedded portal has stored, after asking.

Standard library only, run by its path, so that it also works where nothing was ever installed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Exit code 0 when `var/` is gone, 1 when it was kept."""
    var = Path(os.environ.get("CMED_VAR_DIR") or ROOT / "var").absolute()
    if not var.is_dir():
        print(f"Nothing to remove: there is no {var}.")
        return 0
    lock = var / "run" / "portal.lock"
    if lock.exists():
        with lock.open() as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"The portal runs from {var}: end it with Ctrl-C first.", file=sys.stderr)
                return 1
    print(
        f"This removes {var} for good: accounts, requests, agreements, the audit log, keys, mail."
    )
    try:
        answer = input("Type yes to remove it: ")
    except (EOFError, KeyboardInterrupt):
        answer = ""
    if answer.strip().lower() != "yes":
        print("Kept.")
        return 1
    shutil.rmtree(var)
    print("Removed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
