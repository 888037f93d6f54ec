import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.audit.sealer_killing import KILLS

ROOT = Path(__file__).parents[2]


@pytest.mark.processes
def test_a_sealer_killed_fifty_times_leaves_neither_gap_nor_double(tmp_path):
    """Real processes and SIGKILL, on SQLite as the embedded shape runs it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CMED_")}
    environment = kept | {
        "DJANGO_SETTINGS_MODULE": "cmed_portal.settings",
        "CMED_VAR_DIR": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "tests.audit.sealer_killing"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["killed"] == KILLS
    assert 0 < told["halfway"] < told["entries"]
    assert told["gapless"]
    assert told["placed"] == told["size"] == told["entries"]
