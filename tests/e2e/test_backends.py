"""The same bytes from gunicorn, from nginx and from an object store, whatever happens on the way.

Broken off fifty times at random offsets, every tool ends with the right digest. Asked for any
range, gunicorn and the shipped nginx answer as an nginx does that merely has the files.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.e2e.asking import REFUSED, Asker, as_nginx_reads_lists
from tests.e2e.backends import NAMES, Backend, all_backends
from tests.e2e.cutting import Line
from tests.e2e.portal import free_port
from tests.e2e.servers import bare_nginx
from tests.e2e.tools import NAME, RESUME, run, tool

pytestmark = pytest.mark.processes
TIMES, MOST = 50, 200_000
LARGE = 9_000_000
ONCE = {"wget": ["--tries=1"], "curl": [], "aria2c": ["-m", "1", "--retry-wait=0"]}
"""What makes a tool end where its connection does, so that it must go on from its file."""


@pytest.fixture(scope="module")
def backends(tmp_path_factory, migrated) -> Iterator[dict[str, Backend]]:
    var = tmp_path_factory.mktemp("backends")
    migrated(var)
    with all_backends(var, large_bytes=LARGE) as made:
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


Asked = tuple[dict[str, Asker], Asker]
CLIP = "clips/007.mp4"
LENGTH = 150_007


@pytest.fixture(scope="module")
def asked(backends, tmp_path_factory) -> Iterator[Asked]:
    """Those that answer for the portal, and the nginx that merely has the files."""
    port, var = free_port(), backends["local"].var
    with ExitStack() as open_ones:
        folder = tmp_path_factory.mktemp("bare")
        reference = bare_nginx(folder, port=port, root=var / "files", more="max_ranges 1;")
        open_ones.enter_context(reference)
        portals = {
            name: Asker(each.portal.port, f"/d/{each.world['token']}/files/{CLIP}")
            for name, each in backends.items()
            if name != "S3"
        }
        bare = Asker(port, f"/gulls/1.0/{CLIP}")
        for each in (bare, *portals.values()):
            open_ones.enter_context(closing(each))
        yield portals, bare


positions = st.one_of(
    st.integers(0, 3),
    st.integers(LENGTH - 2, LENGTH + 2),
    st.integers(0, LENGTH),
    st.integers(0, 10**30),
)
ends = st.one_of(st.just(""), positions.map(str), positions.map("00{}".format))
pairs = st.tuples(st.integers(0, LENGTH + 2), st.integers(0, LENGTH + 2)).map(sorted)
specs = st.one_of(
    st.tuples(ends, ends).map("-".join), pairs.map(lambda pair: f"{pair[0]}-{pair[1]}")
)
commas = st.sampled_from([",", ", ", " ,\t", ",,"])
sets = st.tuples(commas, st.lists(specs, max_size=4)).map(lambda it: it[0].join(it[1]))
absurd = st.text("0123456789-, \t=ax", max_size=30)
headers = st.one_of(
    sets.map("bytes={}".format),
    absurd.map("bytes={}".format),
    absurd,
    st.tuples(st.sampled_from(["BYTES=", "items=", "bytes =", "bytes"]), sets).map("".join),
)
tags = st.sampled_from(["none", "right", "weak", "another", "no tag"])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(headers, tags)
@example("bytes= 0-9", "none")
@example("bytes=0-1,5-9", "right")
@example("bytes=0-9," + "0-9," * 1100, "none")
@example("bytes=10-" + "9" * 4000, "none")
@pytest.mark.parametrize("name", ["local", "X-Accel"])
def test_any_range_is_answered_as_by_nginx_or_refused(asked, name, header, tag):
    portals, bare = asked
    portal = portals[name]

    def if_range(server: Asker) -> str | None:
        weak, another = f"W/{server.tag}", '"0-0"'
        said = {"right": server.tag, "weak": weak, "another": another, "no tag": "abc"}
        return said.get(tag)

    got = portal.ask(header, if_range(portal))
    assert got in (REFUSED, bare.ask(as_nginx_reads_lists(header), if_range(bare)))


def test_nginx_sends_nothing_that_was_not_written_down(asked, backends):
    """Which may be tested only after it was asked for all sorts of things."""
    portals, _ = asked
    portals["X-Accel"].ask("bytes= 0-9", None)
    log = backends["X-Accel"].var / "nginx" / "transfers.log"
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert told
    assert all(line["transfer"] for line in told if line["status"] in {"200", "206"})
