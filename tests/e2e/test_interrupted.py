"""Broken off fifty times at random offsets, every tool ends with the right bytes, however sent."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.backends import NAMES, Backend, all_backends
from tests.e2e.cutting import Line
from tests.e2e.tools import NAME, RESUME, run, tool

pytestmark = pytest.mark.processes
TIMES, MOST = 50, 200_000
LARGE = 9_000_000
ONCE = {"wget": ["--tries=1"], "curl": [], "aria2c": ["-m", "1", "--retry-wait=0"]}
"""What makes a tool end where its connection does, so that it must go on from its file."""


@pytest.fixture(scope="module")
def backends(tmp_path_factory) -> Iterator[dict[str, Backend]]:
    with all_backends(tmp_path_factory.mktemp("backends"), large_bytes=LARGE) as made:
        yield made


@pytest.fixture
def backend(backends, request) -> Backend:
    return backends[request.param]


def continued(name: str, url: str, line: Line, folder) -> str:
    """Runs a tool again and again over a line that breaks; the digest of what it has at last."""
    line.breaks(TIMES, most=MOST)
    first, *rest = RESUME[name]
    for _ in range(TIMES + 10):
        ended = subprocess.run(
            [tool(first), *rest, *ONCE[name], url], cwd=folder, capture_output=True, check=False
        )
        if ended.returncode == 0:
            break
    assert (ended.returncode, line.left) == (0, 0)
    (target,) = folder.iterdir()
    return hashlib.sha256(target.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", RESUME)
@pytest.mark.parametrize("backend", NAMES, indirect=True)
def test_a_file(backend, tmp_path, name):
    found = continued(name, backend.large, backend.files, tmp_path)
    assert found == backend.world["large_digest"]


ARCHIVES = [("local", "zip"), ("local", "tar"), ("S3", "zip")]


@pytest.mark.parametrize("name", RESUME)
@pytest.mark.parametrize(("backend", "form"), ARCHIVES, indirect=["backend"])
def test_an_archive(backend, tmp_path, name, form):
    found = continued(name, f"{backend.link}/{NAME}.{form}", backend.portal, tmp_path)
    assert found == backend.world["archives"][form]


@pytest.mark.parametrize("backend", NAMES, indirect=True)
def test_every_file_by_the_client(backend, tmp_path):
    run("curl", "-fsS", "-O", f"{backend.base}/client.py", cwd=tmp_path)
    backend.files.breaks(TIMES, most=MOST // 2)
    ended = subprocess.run(
        [sys.executable, "client.py", f"{backend.link}/"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, backend.files.left) == (0, 0), ended.stderr
    run("sha256sum", "--quiet", "--strict", "-c", "manifest.sha256", cwd=tmp_path / NAME)
