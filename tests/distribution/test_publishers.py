"""A release is put together by one process at a time, and a killed one blocks nobody."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from requests_app.audit import log
from requests_app.datasets.loading import load_dataset
from requests_app.datasets.models import Release
from requests_app.distribution.packages import storage
from requests_app.distribution.publishers import only_publisher
from requests_app.distribution.publishing import publish_release
from requests_app.distribution.storage import staging
from requests_app.errors import Conflict
from requests_app.management.command import Stopped
from tests.factories.datasets import release_folder, write_card

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.processes)])
def dataset(request, tmp_path, monkeypatch, settings):
    settings.FILES_DIR = tmp_path / "store"
    monkeypatch.setattr(staging, "settle", lambda: None)
    if request.param == "s3":
        request.getfixturevalue("bucket")
    return load_dataset(card_path=write_card(tmp_path / "card.toml"), by=log.OPERATOR).dataset


@pytest.fixture
def folder(tmp_path):
    return release_folder(tmp_path / "release")


def publish(dataset, folder, version="1.0", **more):
    return publish_release(dataset=dataset, version=version, folder=folder, by=log.OPERATOR, **more)


def test_a_second_publisher_does_nothing_and_the_first_goes_on(dataset, folder, tmp_path):
    other = release_folder(tmp_path / "other", clips=7)
    refused = []

    def meanwhile(done, total):
        if done == 2:
            with pytest.raises(Conflict, match=r"publishing gulls/1\.0 at this moment") as found:
                publish(dataset, other)
            refused.append(found)

    release = publish(dataset, folder, progress=meanwhile)
    assert refused
    assert release.file_count == 5
    assert len(list(storage().keys("gulls/1.0"))) == 6, "and nothing of the other"


def test_another_version_may_be_published_at_the_same_time(dataset, folder):
    def meanwhile(done, total):
        if done == 2:
            publish(dataset, folder, "1.1")

    publish(dataset, folder, progress=meanwhile)
    assert Release.objects.count() == 2


def test_the_command_says_so_and_ends_with_1(dataset, folder):
    with only_publisher("gulls/1.0"), pytest.raises(Stopped, match="at this moment") as ended:
        call_command("publish_release", folder, "--dataset", "gulls", "--version", "1.0")
    assert ended.value.returncode == 1
    assert not Release.objects.exists()
    call_command("publish_release", folder, "--dataset", "gulls", "--version", "1.0")
    assert Release.objects.exists()


HOLD = """
import sys
import django
django.setup()
from django.db import connection
from requests_app.distribution.publishers import only_publisher
connection.settings_dict["NAME"] = sys.argv[1]
with only_publisher("gulls/1.0"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.processes
def test_a_publisher_in_another_process_counts_until_it_is_killed():
    environment = {name: value for name, value in os.environ.items() if name[:5] != "CMED_"}
    environment |= {
        "DJANGO_SETTINGS_MODULE": "cmed_portal.settings",
        "CMED_VAR_DIR": str(settings.VAR_DIR),
    }
    if url := os.environ.get("CMED_TEST_DATABASE_URL"):
        environment["CMED_DATABASE_URL"] = url
    name = str(connection.settings_dict["NAME"])
    command = [sys.executable, "-c", HOLD, name]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, cwd=ROOT, env=environment) as other:
        try:
            assert other.stdout.readline() == b"held\n"
            with pytest.raises(Conflict), only_publisher("gulls/1.0"):
                pass
        finally:
            other.send_signal(signal.SIGKILL)
    assert free_at_last(), "the lock went with its process"


def free_at_last() -> bool:
    """Whether the lock is to be had; the server may notice a moment later."""
    for _ in range(200):
        try:
            with only_publisher("gulls/1.0"):
                return True
        except Conflict:
            threading.Event().wait(0.05)
    return False


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's lock is a file's")
def test_who_lost_the_lock_publishes_nothing(dataset, folder):
    """The server was restarted, or somebody ended the connection that held the lock."""

    def cut(done, total):
        if done == total:
            with connection.cursor() as cursor:
                cursor.execute(  # in this database alone: others are tested beside it
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                    " AND database = (SELECT oid FROM pg_database WHERE datname ="
                    " current_database())"
                )

    with pytest.raises(Conflict, match="publish again"):
        publish(dataset, folder, progress=cut)
    assert not Release.objects.exists()
