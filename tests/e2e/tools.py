"""The programs that people download with."""

import shutil
import subprocess
from pathlib import Path

NAME = "gulls-1.0"
RESUME = {
    "wget": ["wget", "-q", "-c"],
    "curl": ["curl", "-fsSL", "-C", "-", "-O"],
    "aria2c": ["aria2c", "-q", "-c", "-x", "4", "-s", "4", "-k", "1M"],
}
"""How each goes on with what it has of a URL."""


def tool(name: str) -> str:
    path = shutil.which(name)
    assert path, f"this test needs {name}; install the packages wget, curl, aria2 and unzip"
    return path


def run(*command: str | Path, cwd: Path | None = None) -> None:
    name, *arguments = command
    done = subprocess.run(
        [tool(str(name)), *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
