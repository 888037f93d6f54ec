"""client.py as a researcher runs it: alone, over bad lines, against a server of bad manners."""

import ast
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import urllib.request
from functools import partial
from pathlib import Path

import pytest
from django.test import Client

from requests_app.web import client
from tests.factories.distribution import GrantFactory, make_link, make_release
from tests.web.flaky import contents, first, serving

SOURCE = Path(client.__file__)


@pytest.fixture
def server():
    with serving(contents(), "token") as running:
        yield running


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch):
    monkeypatch.setattr(client, "_pause", lambda tries: 0.0)
    monkeypatch.delenv("CMED_TOKEN", raising=False)


def run(server, folder, *options) -> int:
    return client.main([*options, "--into", str(folder), f"{server.url}/d/token/"])


def found(folder) -> dict[str, bytes]:
    top = folder / "d-1.0"
    return {
        path.relative_to(top).as_posix(): path.read_bytes()
        for path in top.rglob("*")
        if path.is_file()
    }


def complete(server) -> dict[str, bytes]:
    return server.files | {"manifest.sha256": server.manifest}


def test_it_needs_python_3_8_and_the_standard_library_alone():
    tree = ast.parse(SOURCE.read_text(), feature_version=(3, 8))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names


def test_everything_is_there_and_a_second_run_fetches_nothing(server, tmp_path, capsys):
    assert run(server, tmp_path) == 0
    assert found(tmp_path) == complete(server)
    asked = server.asked["clips/1.mp4"]
    assert run(server, tmp_path) == 0
    assert server.asked["clips/1.mp4"] == asked == 1
    assert "each with the right SHA-256" in capsys.readouterr().err


def test_a_line_that_breaks_again_and_again(server, tmp_path):
    chance = random.Random(5)
    for path in server.files:
        server.faults[path] = first(9, lambda handler: handler.cut(chance))
    assert run(server, tmp_path) == 0
    assert found(tmp_path) == complete(server)
    assert len([start for _, start in server.ranges if start]) >= 30


def test_what_one_run_left_the_next_continues(server, tmp_path):
    part = tmp_path / "d-1.0/clips/1.mp4.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(server.files["clips/1.mp4"][:30_000])
    assert run(server, tmp_path) == 0
    assert ("clips/1.mp4", 30_000) in server.ranges
    assert found(tmp_path) == complete(server)


@pytest.mark.parametrize("left", [b"x" * 30_000, b"x" * 40_001, b"x" * 90_000, b""])
def test_what_was_left_may_be_rubbish(server, tmp_path, left):
    part = tmp_path / "d-1.0/clips/1.mp4.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    (part.parent / "2.mp4").write_bytes(b"not the clip")
    assert run(server, tmp_path) == 0
    assert found(tmp_path) == complete(server)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_given_the_time_it_asks_for(server, tmp_path, monkeypatch, status):
    waited = []
    monkeypatch.setattr(client.Portal, "wait", lambda self, seconds: waited.append(seconds))
    for path in ("clips/1.mp4", "index.json"):
        server.faults[path] = first(2, lambda handler: handler.refuse(status, Retry_After="7"))
    assert run(server, tmp_path) == 0
    assert waited.count(7.0) == 4
    assert found(tmp_path) == complete(server)


def test_a_day_is_too_long_to_wait(server, tmp_path, capsys):
    told = "So many bytes a day are allowed."
    server.faults["clips/1.mp4"] = lambda handler: handler.refuse(429, told, Retry_After="40000")
    assert run(server, tmp_path) == 4
    assert told in capsys.readouterr().err


def test_wrong_bytes_once(server, tmp_path):
    right = server.files["clips/1.mp4"]
    tag = f'"{hashlib.sha256(right).hexdigest()}"'

    def lie(handler):
        handler.serve("clips/1.mp4", b"?" * len(right), tag)
        return True

    server.faults["clips/1.mp4"] = first(1, lie)
    assert run(server, tmp_path) == 0
    assert found(tmp_path) == complete(server)


def test_wrong_bytes_always_are_never_left_under_the_name(server, tmp_path, capsys):
    right = server.files["clips/1.mp4"]
    tag = f'"{hashlib.sha256(right).hexdigest()}"'

    def lie(handler):
        handler.serve("clips/1.mp4", b"?" * len(right), tag)
        return True

    server.faults["clips/1.mp4"] = lie
    assert run(server, tmp_path) == 1
    assert set(complete(server)) - set(found(tmp_path)) == {"clips/1.mp4"}
    assert "1 of 6 files are missing" in capsys.readouterr().err


def test_a_server_that_ignores_ranges(server, tmp_path):
    part = tmp_path / "d-1.0/clips/1.mp4.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(server.files["clips/1.mp4"][:30_000])

    def whole(handler):
        del handler.headers["Range"]

    server.faults["clips/1.mp4"] = whole
    assert run(server, tmp_path) == 0
    assert found(tmp_path) == complete(server)


def test_a_range_beyond_the_end(server, tmp_path):
    part = tmp_path / "d-1.0/clips/1.mp4.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(server.files["clips/1.mp4"][:30_000])
    server.faults["clips/1.mp4"] = first(1, lambda handler: handler.refuse(416))
    assert run(server, tmp_path) == 0
    assert found(tmp_path) == complete(server)


def test_a_file_that_became_another(server, tmp_path, capsys):
    def other(handler):
        handler.serve("clips/1.mp4", b"another file altogether")
        return True

    server.faults["clips/1.mp4"] = other
    assert run(server, tmp_path) == 1
    assert "clips/1.mp4: it is another file by now" in capsys.readouterr().err


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_ends_it_with_the_portals_sentence(server, tmp_path, capsys, status):
    sentence = "This link has been revoked."
    server.faults["index.json"] = lambda handler: handler.refuse(status, sentence)
    assert run(server, tmp_path) == 3
    assert capsys.readouterr().err == f"{sentence}\n"
    assert server.asked["index.json"] == 1


def test_a_refusal_in_the_middle_ends_it_too(server, tmp_path):
    server.faults["clips/3.mp4"] = lambda handler: handler.refuse(403, "Revoked.")
    assert run(server, tmp_path, "--jobs", "1") == 3
    assert "clips/5.mp4" not in found(tmp_path)


@pytest.mark.parametrize(
    "path",
    ["../up", "/etc/up", "a/../../up", "a//b", "C:/up", "a\\..\\up", ".", "a/", "x\n", "a.part"],
)
def test_nothing_is_written_outside_the_folder(server, tmp_path, path):
    server.index["files"][0]["path"] = path
    digest = server.index["files"][0]["sha256"]
    lines = server.manifest.decode().splitlines()
    lines[0] = f"{digest}  {path}"
    server.manifest = "\n".join([*lines, ""]).encode()
    server.index["manifest_sha256"] = hashlib.sha256(server.manifest).hexdigest()
    before = set(tmp_path.parent.rglob("up"))
    assert run(server, tmp_path) == 1
    assert set(tmp_path.parent.rglob("up")) == before


@pytest.mark.parametrize("name", ["..", "/tmp", "a/b/../..", ""])
def test_nor_is_the_folder_elsewhere(server, tmp_path, name):
    server.index["name"] = name
    assert run(server, tmp_path / "into") == 1
    assert not list(tmp_path.rglob("*.mp4"))


@pytest.mark.parametrize("where", ["d-1.0", "d-1.0/clips", "d-1.0/clips/1.mp4"])
def test_a_symbolic_link_is_not_followed(server, tmp_path, where):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    (inside / where).parent.mkdir(parents=True)
    (inside / where).symlink_to(outside / "1.mp4" if where.endswith("mp4") else outside)
    assert run(server, inside) == 1
    assert not list(outside.iterdir())


def test_a_list_that_disagrees_with_the_manifest(server, tmp_path):
    server.manifest = server.manifest.replace(b"clips/1", b"clips/9")
    assert run(server, tmp_path) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"files": 5}', b"<html>"])
def test_a_list_that_is_none(server, tmp_path, text):
    server.faults["index.json"] = lambda handler: handler.serve("x", text) or True
    assert run(server, tmp_path) == 1


@pytest.mark.parametrize("address", ["http://portal.example/d/t/", "ftp://portal.example", "x"])
def test_nothing_is_sent_in_the_open(tmp_path, address, capsys):
    assert client.main(["--into", str(tmp_path), "--token", "t", address]) == 2
    assert "https" in capsys.readouterr().err


def test_a_redirect_into_the_open_is_not_followed(server, tmp_path):
    away = "http://store.example/1.mp4"
    server.faults["clips/1.mp4"] = lambda handler: handler.refuse(302, Location=away)
    assert run(server, tmp_path) == 2


def test_the_token_is_sent_in_a_header_and_stands_in_no_address(server, tmp_path):
    assert run(server, tmp_path) == 0
    assert {sent["Authorization"] for sent in server.sent} == {"Bearer token"}
    assert not [line for line in server.lines if "token" in line]


def test_a_redirect_inside_the_portal_keeps_the_token(server, tmp_path):
    server.files["elsewhere"] = server.files["clips/1.mp4"]
    server.faults["clips/1.mp4"] = lambda handler: handler.refuse(302, Location="/data/elsewhere")
    assert run(server, tmp_path) == 0
    assert server.asked["elsewhere"] == 1


def test_who_has_been_sent_away_does_not_bring_the_token_back(server, tmp_path):
    """A store that leads back to the portal must not be able to use the token there."""
    with serving({}) as store:
        store.faults["/1"] = lambda handler: handler.refuse(302, Location=f"{server.url}/data/back")
        away = f"{store.url}/1"
        server.faults["clips/1.mp4"] = lambda handler: handler.refuse(302, Location=away)
        assert run(server, tmp_path, "--jobs", "1") == 3
        assert not [sent for sent in store.sent if "Authorization" in sent]
    assert server.asked["back"] == 1
    assert "Authorization" not in server.sent[server.lines.index("GET /data/back HTTP/1.1")]


@pytest.mark.parametrize("token", ["a b", "a\nb", "tök", "a\r\nX: y"])
def test_what_is_no_token_is_not_sent(server, tmp_path, token, capsys):
    assert client.main(["--into", str(tmp_path), "--token", token, server.url]) == 2
    assert "copy it once more" in capsys.readouterr().err
    assert not server.sent


def test_the_store_gets_neither_token_nor_condition(server, tmp_path):
    with serving({"1": server.files["clips/1.mp4"]}) as store:
        store.faults["/1"] = lambda handler: handler.serve("1", tag='"of the store"') or True
        away = f"{store.url}/1"
        server.faults["clips/1.mp4"] = lambda handler: handler.refuse(302, Location=away)
        part = tmp_path / "d-1.0/clips/1.mp4.part"
        part.parent.mkdir(parents=True)
        part.write_bytes(server.files["clips/1.mp4"][:30_000])
        assert run(server, tmp_path) == 0
        (sent,) = store.sent
        (line,) = store.lines
    (ours,) = [sent for sent in server.sent if "If-Range" in sent]
    assert ours["Authorization"] == "Bearer token", "the portal got what the store must not"
    assert sent["Range"] == "bytes=30000-"
    assert not {"If-Range", "Authorization", "Referer", "Cookie"} & set(sent)
    assert "token" not in f"{line}{sent}"
    assert found(tmp_path) == complete(server)


def test_usage_is_wrong_with_2(capsys, monkeypatch):
    assert client.main(["https://portal.example/"]) == 2
    assert "CMED_TOKEN" in capsys.readouterr().err
    assert client.main([]) == 2
    for wrong in (["--jobs", "0"], ["--jobs", "x"], ["--token", "a", "--token-stdin"], ["--what"]):
        with pytest.raises(SystemExit) as ended:
            client.main(wrong)
        assert ended.value.code == 2


def test_the_token_need_not_be_on_the_command_line(server, tmp_path):
    base = [sys.executable, "-W", "error", SOURCE, "--into", tmp_path, server.url]
    for extra in ({"input": "token\n"}, {"env": {**os.environ, "CMED_TOKEN": "token"}}):
        options = ["--token-stdin"] if "input" in extra else []
        ended = subprocess.run(
            [*base, *options], capture_output=True, text=True, check=False, **extra
        )
        assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    assert found(tmp_path) == complete(server)


def test_a_list_fetches_nothing(server, tmp_path, capsys):
    assert run(server, tmp_path, "--list") == 0
    assert capsys.readouterr().out.splitlines()[1] == "40001\tclips/1.mp4"
    assert not list(tmp_path.iterdir())


@pytest.mark.django_db(transaction=True)
def test_it_fetches_a_choice_from_the_portal_itself(live_server, settings, tmp_path):
    settings.FILES_DIR = tmp_path / "files"
    grant = GrantFactory(agreement__access_request__dataset__slug="d")
    files = contents() | {"labels.csv": b"path\n"}
    make_release(grant.dataset, files=files, marks={"clips/1.mp4": ("cross", "test")})
    handed_out = tmp_path / "client.py"
    handed_out.write_bytes(fetched(f"{live_server.url}/client.py"))
    address = f"{live_server.url}/d/{make_link(grant)[1]}/"
    for options, count in ([["--class", "cross", "--split", "test"], 3], [[], 8]):
        ended = subprocess.run(
            [sys.executable, handed_out, *options, address],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        assert len(found(tmp_path)) == count
    assert {path: found(tmp_path)[path] for path in files} == files
    refused = subprocess.run(
        [sys.executable, handed_out, "--class", "sad", address],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, refused.stderr[:12]) == (3, "This release")


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        return answer.read()


def test_it_is_handed_out_knowing_its_portal():
    answer = Client().get("/client.py")
    text = answer.content.decode()
    assert answer["Content-Disposition"] == 'attachment; filename="client.py"'
    assert "PORTAL = 'http" in text
    compile(text, "client.py", "exec")


def test_an_interruption_ends_it_at_once_even_when_the_line_hangs(server, tmp_path):
    hanging, goes_on = threading.Event(), threading.Event()

    def hang(handler):
        hanging.set()
        return goes_on.wait(60)

    server.faults["clips/1.mp4"] = hang
    command = [sys.executable, SOURCE, "--into", tmp_path, f"{server.url}/d/token/"]
    # Whatever started the tests may ignore Ctrl-C, and a child inherits that.
    heeds = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heeds)  # noqa: PLW1509 - nothing is locked yet
    try:
        assert hanging.wait(30)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=20)
    finally:
        goes_on.set()
        running.kill()
        running.wait()
    assert running.returncode == 130
    assert said.endswith("Run the same command again to continue.\n")
