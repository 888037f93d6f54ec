"""Real processes, killed and ended: the flow completes, once, and nothing is left behind."""

import os
import signal
import sqlite3
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from supervisor.xmlrpc import SupervisorTransport

from cmed_portal.embedded.sockets import redis_url, socket_folder
from tests.e2e.demo import Applicant, answers, fill_in, sign, sign_up
from tests.e2e.person import Person, until
from tests.e2e.portal import ROOT, Portal, running_portal

pytestmark = pytest.mark.processes

# A handful of clips, a sweep that comes round before anybody gets bored, and a sealer that only
# commits ask for.
QUICK = {
    "DEMO_SCALE": "0.002",
    "SWEEP_SECONDS": "2",
    "MESSAGE_LEASE_SECONDS": "10",
    "LOG_SECONDS": "600",
    "METRICS_TOKEN": "figures-" * 5,
}
MAINTAINERS = 2  # the demo's reviewer and approver


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with running_portal(tmp_path_factory.mktemp("portal") / "var", **QUICK) as running:
        yield running


@contextmanager
def ready_to_sign(portal: Portal, email: str, name: str) -> Iterator[Applicant]:
    person = Person(portal.base_url, portal.mail, email)
    applicant = Applicant(person, answers(name, "Faces"))
    with closing(person.http):
        sign_up(applicant)
        # The longest purpose there may be: an agreement of many pages, so rendering takes a while.
        fill_in(applicant, purpose="We study how brief expressions unfold. " * 512)
        yield applicant


# --- looking at the portal from beside it ----------------------------------------------------


def programs(portal: Portal) -> dict[str, int]:
    """Name and process id of what supervisord keeps running now."""
    control = f"unix://{socket_folder(portal.var)}/control.sock"
    transport = SupervisorTransport(None, None, control)
    with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
        told: Any = server.supervisor.getAllProcessInfo()
    return {one["name"]: one["pid"] for one in told if one["pid"]}


def one_value(portal: Portal, query: str, *values: str) -> Any:
    with closing(sqlite3.connect(portal.var / "portal.sqlite3", timeout=20)) as database:
        return database.execute(query, values).fetchone()[0]


def documents_of(portal: Portal, applicant: Applicant) -> int:
    return int(
        one_value(
            portal,
            "SELECT count(*) FROM requests_app_agreementdocument AS document"
            " JOIN requests_app_agreement AS agreement ON agreement.id = document.agreement_id"
            " WHERE agreement.access_request_id = ?",
            identifier_of(applicant).replace("-", ""),
        )
    )


def identifier_of(applicant: Applicant) -> str:
    return applicant.request_url.split("/")[2]


def agreement_of(portal: Portal, applicant: Applicant) -> str:
    return str(
        one_value(
            portal,
            "SELECT id FROM requests_app_agreement WHERE access_request_id = ?",
            identifier_of(applicant).replace("-", ""),
        )
    )


def unsent(portal: Portal) -> int:
    return int(one_value(portal, "SELECT count(*) FROM requests_app_message WHERE sent_at IS NULL"))


def letters(portal: Portal, applicant: Applicant) -> dict[str, int]:
    """How many mails about this applicant's agreement there are, by name."""
    about = [
        path.name.rpartition("-")[0].split("-")[0]
        for path in portal.mail.glob("*.eml")
        if identifier_of(applicant) in path.read_text(errors="replace").replace("=\n", "")
    ]
    return {
        name: about.count(name) for name in set(about) & {"agreement_signed", "request_submitted"}
    }


@contextmanager
def paused(process: int) -> Iterator[None]:
    """Stops a program and what it forked; lets it go on afterwards, if it is still there."""
    os.killpg(process, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process, signal.SIGCONT)


def completes_once(portal: Portal, applicant: Applicant) -> None:
    """The agreement gets its document and everybody one mail, however often the task comes."""
    until("the document", lambda: documents_of(portal, applicant), seconds=45)
    until("the mails", lambda: not unsent(portal), seconds=45)
    log = portal.var / "log" / "worker.log"
    done = log.read_text().count(" succeeded in ")
    deliver_thrice_more(portal, agreement_of(portal, applicant))
    until("the tasks", lambda: log.read_text().count(" succeeded in ") >= done + 3)
    assert documents_of(portal, applicant) == 1
    assert unsent(portal) == 0
    assert letters(portal, applicant) == {"agreement_signed": 1, "request_submitted": MAINTAINERS}


def deliver_thrice_more(portal: Portal, agreement_id: str) -> None:
    deed = (
        "from celery import current_app\n"
        "for _ in range(3):\n"
        f"    current_app.send_task('agreements.render_document', [{agreement_id!r}])\n"
    )
    environment = {name: value for name, value in os.environ.items() if "CMED_" not in name}
    subprocess.run(
        [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", deed],
        cwd=ROOT,
        env={
            **environment,
            "CMED_VAR_DIR": str(portal.var),
            "DJANGO_SETTINGS_MODULE": "cmed_portal.settings",
        },
        check=True,
    )


# --- the log keeps up ------------------------------------------------------------------------


def figure(portal: Portal, name: str) -> float:
    shown = {"Authorization": f"Bearer {QUICK['METRICS_TOKEN']}"}
    told = httpx.get(f"{portal.base_url}/metrics", headers=shown, trust_env=False)
    lines = told.raise_for_status().text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def test_an_entry_is_sequenced_and_signed_within_five_seconds(portal: Portal) -> None:
    until("the first entries' places", lambda: not figure(portal, "portal_log_lag_seconds"))
    before = figure(portal, "portal_log_entries")
    person = Person(portal.base_url, portal.mail, "kim@ox.ac.uk")
    with closing(person.http):
        sign_up(Applicant(person, answers("Kim Abara", "Faces")))
    recorded = one_value(portal, "SELECT count(*) FROM requests_app_entry")
    assert recorded > before
    until(
        "the checkpoint over them",
        lambda: figure(portal, "portal_log_checkpoint_entries") >= recorded,
        seconds=5,
    )


# --- nothing gets lost -----------------------------------------------------------------------


def test_a_worker_killed_while_it_renders_loses_nothing_and_repeats_nothing(
    portal: Portal,
) -> None:
    log = portal.var / "log" / "worker.log"
    with (
        ready_to_sign(portal, "lin@psych.stanford.edu", "Lin Okafor") as applicant,
        closing(sqlite3.connect(portal.var / "portal.sqlite3", timeout=20)) as database,
    ):
        worker = programs(portal)["worker"]
        with paused(worker):
            sign(applicant)
            read = len(log.read_text())
            # Whoever renders faster than we kill waits here for its turn to write.
            database.execute("BEGIN IMMEDIATE")
        until(
            "the worker taking the task",
            lambda: "agreements.render_document" in log.read_text()[read:],
        )
        os.killpg(worker, signal.SIGKILL)
        database.rollback()
        assert documents_of(portal, applicant) == 0
        until("a new worker", lambda: programs(portal).get("worker", worker) != worker)
        completes_once(portal, applicant)


def test_a_redis_killed_while_a_message_is_queued_loses_nothing_and_repeats_nothing(
    portal: Portal,
) -> None:
    with (
        ready_to_sign(portal, "ana@ox.ac.uk", "Ana María Pérez") as applicant,
        redis.Redis.from_url(redis_url(portal.var)) as broker,
    ):
        running = programs(portal)
        with paused(running["worker"]):
            sign(applicant)
            queued = until("the queued task", lambda: broker.llen("celery"))
            os.kill(running["redis"], signal.SIGKILL)
            until(
                "a new Redis", lambda: programs(portal).get("redis") not in {None, running["redis"]}
            )
            assert until("the queue read back", lambda: answered(broker)) >= queued
        completes_once(portal, applicant)


def answered(broker: "redis.Redis") -> int:
    try:
        return int(broker.llen("celery"))  # type: ignore[arg-type]
    except redis.exceptions.ConnectionError:
        return 0


# --- nothing is left behind ------------------------------------------------------------------


def descendants(ancestor: int) -> set[int]:
    """Process ids below `ancestor`, itself included."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = status.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents[int(status.parent.name)] = int(parent)
    found = {ancestor}
    while grown := {child for child, parent in parents.items() if parent in found} - found:
        found |= grown
    return found


def alive(processes: set[int]) -> set[int]:
    return {one for one in processes if one in descendants(one) and Path(f"/proc/{one}").exists()}


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_and_sigterm_leave_no_process_after_ten_seconds(tmp_path: Path) -> None:
    for ending in (signal.SIGINT, signal.SIGTERM):
        with running_portal(tmp_path / "var", **QUICK) as portal:
            started = descendants(portal.process.pid)
            assert len(started) >= 2 + len(programs(portal))
            portal.process.send_signal(ending)
            assert portal.process.wait(10) == 0
            assert not alive(started)
