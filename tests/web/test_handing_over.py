"""Single files that another server sends: what it is told, what is recorded, what stays ours."""

import json
from http import HTTPStatus

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution import nginx_log, running
from requests_app.distribution.models import Grant
from requests_app.distribution.transfers import SMALL, Transfer
from tests.e2e.person import until
from tests.factories.distribution import GrantFactory, make_link, make_release
from tests.factories.requests import DatasetFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_store")]
PATH, CLIP = "clips/über alles 100%.mp4", b"0123456789" * 10


@pytest.fixture
def link() -> str:
    dataset = DatasetFactory(slug="gulls")
    make_release(dataset, files={PATH: CLIP})
    grant = GrantFactory(agreement__access_request__dataset=dataset)
    return f"/d/{make_link(grant)[1]}/files/{PATH.replace('%', '%25')}"


def entries() -> list[tuple[int, str, int]]:
    found = Entry.objects.filter(kind=kinds.FILE_DOWNLOADED).order_by("pk")
    return [(e.details["status"], e.details["range"], e.details["bytes"]) for e in found]


class TestNginx:
    @pytest.fixture(autouse=True)
    def _nobody_watches_for_longer_than_the_test(self, monkeypatch):
        monkeypatch.setattr(running, "_of_process", [])
        monkeypatch.setattr(running.Watcher, "_watch", lambda self: None)

    @pytest.fixture(autouse=True)
    def _configured(self, settings):
        settings.ACCEL_PREFIX = "/protected/"

    def test_it_is_told_a_path_from_the_row_and_sends_the_bytes_itself(self, client: Client, link):
        response = client.get(link)
        told = response["X-Accel-Redirect"]
        assert told == "/protected/gulls/1.0/clips/%C3%BCber%20alles%20100%25.mp4"
        assert response.content == b""
        assert "attachment" in response["Content-Disposition"]
        assert {"private", "no-store"} <= set(response["Cache-Control"].split(", "))
        assert entries() == [(200, "", None)]

    def test_the_entry_names_the_range_that_was_asked_for(self, client: Client, link):
        client.get(link, headers={"Range": "bytes=10-19"})
        assert entries() == [(206, f"bytes 10-19/{len(CLIP)}", None)]

    def test_what_has_no_bytes_stays_ours(self, client: Client, link):
        tag = client.head(link)["ETag"]
        beyond = client.get(link, headers={"Range": "bytes=5000-"})
        known = client.get(link, headers={"If-None-Match": tag})
        answers = [beyond, known, client.head(link)]
        assert [answer.status_code for answer in answers] == [416, 304, 200]
        assert not any("X-Accel-Redirect" in answer for answer in answers)
        assert entries() == []

    @pytest.mark.parametrize(("tag", "promised"), [("ours", 2), ('"another"', len(CLIP))])
    def test_nginx_is_told_our_tag_and_what_follows_from_if_range(
        self, client: Client, link, tag, promised
    ):
        ours = client.head(link)["ETag"]
        asked = {"If-Range": ours if tag == "ours" else tag, "Range": "bytes=0-1"}
        response = client.get(link, headers=asked)
        assert (response["ETag"], "X-Accel-Redirect" in response) == (ours, True)
        assert Transfer.objects.get().promised == promised

    @pytest.mark.parametrize("told", ["to us", "to another thread", "to nobody"])
    def test_what_nginx_has_ended_is_not_counted_as_running(
        self, link, settings, tmp_path, monkeypatch, told
    ):
        client = Client()
        settings.NGINX_DIR, settings.CONCURRENT_DOWNLOADS = str(tmp_path), 1
        assert client.get(link).status_code == HTTPStatus.OK
        Transfer.objects.update(promised=SMALL + 1)
        if told != "to nobody":
            ended = {"transfer": str(Transfer.objects.get().pk), "status": "200", "sent": "100"}
            line = json.dumps(ended | {"completion": "OK", "range": ""})
            (tmp_path / nginx_log.LOG).write_text(f"{line}\n")
        if told == "to another thread":
            follow = nginx_log.follow
            monkeypatch.setattr(nginx_log, "follow", lambda: follow() * 0)
        expected = HTTPStatus.TOO_MANY_REQUESTS if told == "to nobody" else HTTPStatus.OK
        assert client.get(link).status_code == expected

    def test_what_nginx_is_given_is_watched(self, client: Client, link, settings, tmp_path):
        settings.NGINX_DIR = str(tmp_path)
        assert client.get(link).status_code == HTTPStatus.OK
        Grant.objects.update(revoked_at=timezone.now())
        running.watcher().look_at_nginx()
        assert (tmp_path / nginx_log.RELOAD).exists()

    def test_nothing_is_handed_over_when_nginx_cannot_log_it(
        self, client: Client, link, settings, tmp_path
    ):
        settings.NGINX_DIR = str(tmp_path / "nowhere")
        response = client.get(link)
        assert response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert "X-Accel-Redirect" not in response
        assert not Transfer.objects.exists()

    def test_nothing_is_handed_over_when_it_cannot_be_recorded(
        self, client: Client, link, monkeypatch
    ):
        from django.db import DatabaseError  # noqa: PLC0415 - for this test

        def refuse(*args, **details):
            raise DatabaseError("the disk is full")

        monkeypatch.setattr("requests_app.distribution.journal.insert", refuse)
        response = client.get(link)
        assert response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert "X-Accel-Redirect" not in response


def test_without_a_prefix_the_portal_sends(client: Client, link):
    response = client.get(link)
    assert b"".join(response.streaming_content) == CLIP


@pytest.mark.processes
def test_the_object_store_sends_by_an_address_of_minutes(client: Client, bucket, link):
    response = client.get(link)
    assert response.status_code == HTTPStatus.FOUND
    fetched = httpx.get(response["Location"], headers={"Range": "bytes=10-19"}, trust_env=False)
    assert (fetched.status_code, fetched.content) == (206, CLIP[10:20])
    assert "attachment" in fetched.headers["Content-Disposition"]
    assert entries() == [(302, "", None)]
    client.get(link, headers={"Range": "bytes=0-0"})
    assert {each.promised for each in Transfer.objects.all()} == {len(CLIP)}, "it opens the whole"
    bare = response["Location"].split("?")[0]
    assert httpx.get(bare, trust_env=False).status_code == HTTPStatus.FORBIDDEN


@pytest.mark.processes
def test_a_revoked_holder_is_given_no_address_and_an_older_one_ends_soon(
    client: Client, bucket, link, settings
):
    settings.S3_PRESIGNED_SECONDS = 2
    given = client.get(link)["Location"]
    assert httpx.get(given, trust_env=False).content == CLIP
    Grant.objects.update(revoked_at=timezone.now())
    assert client.get(link).status_code == HTTPStatus.FORBIDDEN
    until("the end of the address", lambda: _is_refused(given), seconds=15)


def _is_refused(url: str) -> bool:
    return httpx.get(url, trust_env=False).status_code == HTTPStatus.FORBIDDEN


@pytest.mark.processes
def test_the_object_store_does_not_know_our_tag(client: Client, bucket, link):
    tag = client.head(link)["ETag"]
    response = client.get(link, headers={"If-Range": tag, "Range": "bytes=10-19"})
    assert (response.status_code, b"".join(response)) == (206, CLIP[10:20])
