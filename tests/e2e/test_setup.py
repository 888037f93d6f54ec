"""What `make run` checks before it starts anything, and what it says when something is amiss."""

import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cmed_portal.embedded import bootstrap, machine
from cmed_portal.embedded.premises import CannotStart, only_one, port_is_free, private_folder
from cmed_portal.embedded.sockets import redis_url, socket_folder
from tests.e2e.person import until

EMBEDDED = Path(bootstrap.__file__).parent


def run(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command with no setting of the portal but those given."""
    inherited = {name: value for name, value in os.environ.items() if "CMED_" not in name}
    return subprocess.run(
        command,
        env={**inherited, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def one_sentence(said: str) -> bool:
    return len(said.strip().splitlines()) == 1 and "Traceback" not in said


def test_a_port_in_use_is_named_with_the_command_for_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=rf"Port {port} .*`PORT=\d+ make run`"):
            port_is_free("127.0.0.1", port)


@pytest.mark.parametrize("port", [-1, 65536, 70000])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(CannotStart, match="not a port number"):
        port_is_free("127.0.0.1", port)


def test_one_folder_runs_one_portal_and_the_second_is_told_where_the_first_is(
    tmp_path: Path,
) -> None:
    lock = tmp_path / "portal.lock"
    with (
        only_one(lock, "http://127.0.0.1:8000"),
        pytest.raises(CannotStart, match=r"already runs .*http://127\.0\.0\.1:8000"),
        only_one(lock, "http://127.0.0.1:8001"),
    ):
        pytest.fail("two at once")
    with only_one(lock, "http://127.0.0.1:8002"):
        assert lock.read_text().startswith("http://127.0.0.1:8002, process ")


def test_a_state_folder_is_made_private_and_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    open_folder = tmp_path / "var"
    open_folder.mkdir(mode=0o755)
    assert private_folder(open_folder).stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match=r"file cannot be used .*CMED_VAR_DIR"):
        private_folder(tmp_path / "file")


def test_sockets_lie_in_the_state_folder_unless_its_path_is_too_long_for_the_kernel() -> None:
    near = Path("/srv/portal/var")
    assert socket_folder(near) == near / "run"
    deep = Path("/srv", "x" * 120, "var")
    folder = socket_folder(deep)
    assert folder == socket_folder(deep) != socket_folder(deep.parent / "other")
    assert len(os.fsencode(folder / "control.sock.4194304")) <= 103


def test_the_address_of_redis_survives_blanks_and_signs_in_the_path() -> None:
    assert redis_url(Path("/srv/a b#c%/var")) == "unix:///srv/a%20b%23c%25/var/run/redis.sock"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"CMED_PORT": "http"}, "PORT=8001 make run"),
        ({"CMED_SHAPE": "production"}, "needs CMED_SECRET_KEY"),
        ({"CMED_SHAPE": "both"}, "CMED_SHAPE must be"),
        ({"CMED_DEBUG": "perhaps"}, "CMED_DEBUG"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_sentence(
    tmp_path: Path, settings: dict[str, str], expected: str
) -> None:
    var = str(tmp_path / "var")
    ended = run(sys.executable, "-m", "cmed_portal.embedded", CMED_VAR_DIR=var, **settings)
    assert ended.returncode in {1, 2}
    assert expected in ended.stderr
    assert one_sentence(ended.stderr)


@pytest.mark.parametrize("damage", ["a folder in its place", "emptied"])
def test_a_key_that_cannot_be_read_stops_the_start_with_one_sentence(
    tmp_path: Path, damage: str
) -> None:
    key = tmp_path / "var" / "keys" / "secret-key"
    key.parent.mkdir(parents=True)
    if damage == "emptied":
        key.write_text("")
    else:
        key.mkdir()
    var = str(tmp_path / "var")
    ended = run(sys.executable, "-m", "cmed_portal.embedded", CMED_VAR_DIR=var)
    assert ended.returncode == 2
    assert str(key) in ended.stderr
    assert one_sentence(ended.stderr)


def test_where_nothing_may_be_installed_the_commands_are_said() -> None:
    ended = run(sys.executable, "-I", str(EMBEDDED / "machine.py"), "run", PATH="/nowhere")
    assert ended.returncode == 1
    first, *commands = ended.stderr.strip().splitlines()
    assert "Redis" in first
    assert [line.split(":")[0].strip() for line in commands] == [
        "Debian, Ubuntu",
        "Fedora, RHEL",
        "macOS",
    ]
    for line, manager in zip(commands, ("apt-get", "dnf", "brew"), strict=True):
        assert f"{manager} install" in line
        assert "redis" in line


def test_every_need_names_its_package_for_each_manager() -> None:
    needs = [need for group in machine.NEEDS.values() for need in group]
    assert all(need.apt and need.dnf and need.brew for need in needs)
    said = machine.sentence(needs)
    assert all(need.apt in said and need.brew in said for need in needs)


def test_a_python_too_old_looks_for_a_newer_one_and_else_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(
        bootstrap.shutil, "which", lambda name: sys.executable if name == "python3.12" else None
    )
    assert bootstrap.suitable_python() == sys.executable
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    with pytest.raises(bootstrap.CannotPrepare, match=r"needs Python 3\.11 or newer.*3\.9"):
        bootstrap.suitable_python()


def test_requirements_are_installed_again_when_their_text_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", Path(sys.executable))
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "stamp.json")
    monkeypatch.setattr(
        bootstrap.subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 0)
    )
    for name in (bootstrap.RUN, bootstrap.DEV):
        (tmp_path / name).write_text("one==1\n")
    assert not bootstrap.installed(bootstrap.RUN)
    bootstrap.install(bootstrap.RUN)
    assert bootstrap.installed(bootstrap.RUN)
    assert not bootstrap.installed(bootstrap.DEV)
    bootstrap.install(bootstrap.DEV)
    assert bootstrap.installed(bootstrap.RUN)
    (tmp_path / bootstrap.RUN).write_text("one==2\n")
    assert not bootstrap.installed(bootstrap.RUN)
    assert bootstrap.installed(bootstrap.DEV)


@pytest.mark.skipif(sys.platform != "linux", reason="a service of Linux's kernel")
def test_a_child_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, time\n"
            "from cmed_portal.embedded.descendants import end_with_parent\n"
            "child = subprocess.Popen(['sleep', '60'], preexec_fn=end_with_parent)\n"
            "print(child.pid, flush=True)\n"
            "time.sleep(60)\n",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    until("the child's end", lambda: not running(child), seconds=10)


@pytest.mark.skipif(sys.platform != "linux", reason="a service of Linux's kernel")
def test_orphans_are_adopted_and_ended() -> None:
    ended = run(
        sys.executable,
        "-c",
        "import subprocess\n"
        "from cmed_portal.embedded import descendants\n"
        "descendants.adopt_orphans()\n"
        "subprocess.run(['sh', '-c', 'setsid sleep 60 & setsid sleep 61 &'])\n"
        "print(*descendants.children())\n"
        "descendants.end_adopted()\n"
        "print(*descendants.children())\n",
    )
    orphans, left = ended.stdout.splitlines()
    assert len(orphans.split()) == 2
    assert left == ""
    assert not any(running(int(orphan)) for orphan in orphans.split())


def running(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


class TestClean:
    def clean(self, var: Path, answer: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, str(EMBEDDED / "clean.py")],
            env={**os.environ, "CMED_VAR_DIR": str(var)},
            input=answer,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def test_only_yes_removes_the_state_folder(self, tmp_path: Path) -> None:
        var = tmp_path / "var"
        (var / "keys").mkdir(parents=True)
        (var / "keys" / "log.pem").touch()  # a key without its note would sign a second history
        (var / "keys" / "log.pem.signed").touch()
        for answer in ("", "\n", "n\n", "maybe\n"):
            assert self.clean(var, answer).returncode == 1
            assert var.is_dir()
        assert self.clean(var, "yes\n").returncode == 0
        assert not var.exists()

    def test_a_running_portal_keeps_its_state_folder(self, tmp_path: Path) -> None:
        var = tmp_path / "var"
        (var / "run").mkdir(parents=True)
        with (var / "run" / "portal.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            ended = self.clean(var, "yes\n")
        assert ended.returncode == 1
        assert "Ctrl-C" in ended.stderr
        assert var.is_dir()
