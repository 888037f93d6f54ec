"""Below a download link: the page, the bytes, the refusals, and what the log says of each."""

import hashlib
import io
import logging
import os
import re
import zipfile
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.datasets.manifest import parse_manifest
from requests_app.datasets.models import File
from requests_app.distribution.models import DownloadLink
from requests_app.distribution.packages import storage
from requests_app.distribution.transfers import Transfer
from requests_app.requests.states import State
from requests_app.web.redaction import RedactTokens, redact
from tests.factories.distribution import GrantFactory, make_link, make_release
from tests.factories.requests import DatasetFactory
from tests.web.download_world import SECRETIVE, ReadingClient, archive_url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_store")]

CLIP = "clips/002.mp4"
CONTENT = b"clip 2 " * 200


@pytest.fixture
def client():
    return ReadingClient()


def downloads():
    return Entry.objects.filter(kind__startswith="holder:").exclude(kind=kinds.LINK_REFUSED)


def file_url(token, path=CLIP):
    return reverse("download_file", args=[token, path])


def byte_urls(token, release):
    """The address of each kind of bytes, all of them with the same rules."""
    return {
        "file": file_url(token),
        "release file": reverse("release_file", args=[token, "1.0", CLIP]),
        "zip": archive_url(token, release),
        "manifest": reverse("download_manifest", args=[token]),
        "urls": reverse("download_urls", args=[token]),
    }


class TestBytes:
    def test_one_file(self, client, token):
        response = client.get(file_url(token))
        assert (response.status_code, response.body) == (200, CONTENT)
        assert response["Content-Length"] == str(len(CONTENT))
        assert response["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
        assert response["Content-Type"] == "video/mp4"
        assert response["Content-Disposition"] == 'attachment; filename="002.mp4"'
        assert response["Accept-Ranges"] == "bytes"

    def test_a_part_of_a_file(self, client, token):
        response = client.get(file_url(token), headers={"Range": "bytes=5-14"})
        assert (response.status_code, response.body) == (206, CONTENT[5:15])
        assert response["Content-Range"] == f"bytes 5-14/{len(CONTENT)}"
        assert response["Content-Length"] == "10"

    @pytest.mark.parametrize("what", ["file", "release file", "zip", "manifest", "urls"])
    def test_every_kind_of_bytes_has_the_same_manners(self, client, token, release, what):
        url = byte_urls(token, release)[what]
        whole = client.get(url)
        content = whole.body
        assert whole["Content-Length"] == str(len(content))
        assert {name: whole[name] for name in SECRETIVE} == SECRETIVE
        tag = whole["ETag"]
        assert re.fullmatch(r'"[0-9a-f]{64}"', tag)

        head = client.head(url)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("Content-Length", "ETag", "Content-Type", "Content-Disposition"):
            assert head[name] == whole[name]

        last = client.get(url, headers={"Range": "bytes=-7", "If-Range": tag})
        assert (last.status_code, last.body) == (206, content[-7:])
        changed = client.get(url, headers={"Range": "bytes=-7", "If-Range": '"another"'})
        assert (changed.status_code, changed.body) == (200, content)
        beyond = client.get(url, headers={"Range": f"bytes={len(content)}-"})
        assert beyond.status_code == 416
        assert beyond["Content-Range"] == f"bytes */{len(content)}"
        assert {name: beyond[name] for name in SECRETIVE} == SECRETIVE
        assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
        assert client.get(url, headers={"If-None-Match": f"W/{tag}"}).status_code == 304
        assert client.get(url, headers={"If-Match": '"another"'}).status_code == 412
        assert client.get(url, headers={"If-Match": tag}).status_code == 200

    def test_a_head_ignores_a_range(self, client, token):
        response = client.head(file_url(token), headers={"Range": "bytes=0-0"})
        assert (response.status_code, response["Content-Length"]) == (200, str(len(CONTENT)))

    def test_conditions_on_dates_are_ignored_since_we_name_none(self, client, token):
        date = "Wed, 21 Oct 2015 07:28:00 GMT"
        for name in ("If-Modified-Since", "If-Unmodified-Since"):
            assert client.get(file_url(token), headers={name: date}).status_code == 200

    def test_an_empty_file(self, client, grant):
        make_release(grant.dataset, files={"empty.txt": b""})
        url = file_url(make_link(grant)[1], "empty.txt")
        assert (client.get(url).status_code, client.get(url)["Content-Length"]) == (200, "0")
        assert client.get(url, headers={"Range": "bytes=0-"}).status_code == 416

    def test_a_name_outside_ascii_is_written_as_rfc_8187_says(self, client, grant):
        make_release(grant.dataset, files={"clips/陈 伟.mp4": b"x"})
        response = client.get(file_url(make_link(grant)[1], "clips/陈 伟.mp4"))
        assert response["Content-Disposition"] == (
            "attachment; filename*=utf-8''%E9%99%88%20%E4%BC%9F.mp4"
        )

    def test_the_zip_holds_the_release(self, client, token, release):
        response = client.get(archive_url(token, release))
        assert response["Content-Type"] == "application/zip"
        name = f"{release.dataset.slug}-1.0"
        assert response["Content-Disposition"] == f'attachment; filename="{name}.zip"'
        with zipfile.ZipFile(io.BytesIO(response.body)) as reader:
            assert reader.testzip() is None
            listed = parse_manifest(reader.read(f"{name}/manifest.sha256").decode())
            assert listed == dict(File.objects.values_list("path", "sha256"))
            for path, digest in listed.items():
                assert hashlib.sha256(reader.read(f"{name}/{path}")).hexdigest() == digest

    def test_pieces_of_the_zip_make_the_zip(self, client, token, release):
        url = archive_url(token, release)
        whole, pieces = client.get(url).body, b""
        while len(pieces) < len(whole):
            part = client.get(url, headers={"Range": f"bytes={len(pieces)}-{len(pieces) + 997}"})
            pieces += part.body
        assert pieces == whole

    def test_the_list_for_aria2_names_every_file_and_its_digest(self, client, token, release):
        text = client.get(reverse("download_urls", args=[token])).body.decode()
        listed = re.findall(
            r"^(\S+)\n  out=(\S+)\n  checksum=sha-256=([0-9a-f]{64})$", text, re.MULTILINE
        )
        assert len(listed) == release.file_count + 1
        for url, out, digest in listed:
            found = client.get(urlsplit(url).path)
            assert hashlib.sha256(found.body).hexdigest() == digest
            assert out.startswith(f"{release.dataset.slug}-1.0/")

    def test_that_list_spells_addresses_as_every_page_does(self, client, grant):
        paths = ["a b.txt", "a%20b.txt", "陈.txt", "a?b#c.txt", "a+b=c;d,(e)!~'*&$@.txt"]
        make_release(grant.dataset, files=dict.fromkeys(paths, b"x"))
        _, token = make_link(grant)
        text = client.get(reverse("download_urls", args=[token])).body.decode()
        listed = {urlsplit(line).path for line in text.splitlines() if line.startswith("http")}
        assert {reverse("release_file", args=[token, "1.0", path]) for path in paths} <= listed
        for path in paths:
            assert client.get(reverse("download_file", args=[token, path])).status_code == 200

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options", "trace"])
    def test_only_get_and_head(self, client, token, release, method):
        for url in [*byte_urls(token, release).values(), reverse("download_page", args=[token])]:
            response = getattr(client, method)(url)
            assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
        assert not downloads().exists()


class TestReleases:
    def test_the_newest_release_unless_one_is_named(self, client, grant, release, token):
        newer = make_release(grant.dataset, "1.1", files={CLIP: b"better", "clips/9.mp4": b"new"})
        assert client.get(file_url(token)).body == b"better"
        named = client.get(reverse("release_file", args=[token, "1.0", CLIP]))
        assert named.body == CONTENT
        assert "clips/9.mp4" in client.get(reverse("download_manifest", args=[token])).body.decode()
        older = client.get(reverse("release_manifest", args=[token, "1.0"]))
        assert "clips/9.mp4" not in older.body.decode()
        assert client.get(archive_url(token, newer)).status_code == 200

    def test_a_file_that_left_the_newest_release_is_not_handed_out_unasked(
        self, client, grant, release, token
    ):
        make_release(grant.dataset, "1.1", files={"clips/9.mp4": b"new"})
        assert client.get(file_url(token)).status_code == 404

    def test_what_is_not_published_yet_is_not_there(self, client, grant, token, release):
        later = timezone.now() + timedelta(hours=1)
        future = make_release(grant.dataset, "2.0", published_at=later)
        assert client.get(archive_url(token, future)).status_code == 404
        assert client.get(reverse("release_urls", args=[token, "2.0"])).status_code == 404

    def test_nothing_of_another_dataset(self, client, token, release):
        other = make_release(DatasetFactory(), files={"clips/other.mp4": b"x"})
        assert client.get(file_url(token, "clips/other.mp4")).status_code == 404
        assert client.get(archive_url(token, other)).status_code == 404

    @pytest.mark.parametrize(
        "path",
        [
            *["../../../../etc/hostname", "clips/../clips/002.mp4", "/etc/hostname"],
            *["clips//002.mp4", "clip", "clip/", "clips/002.mp4/", "CLIPS/002.MP4"],
            *["clips/%2e%2e/x", "x" * 5000, "\0"],
        ],
    )
    def test_a_path_is_only_ever_compared(self, client, token, path):
        base = file_url(token, "x").removesuffix("x")
        assert client.get(base + path).status_code == 404
        assert not downloads().exists()

    def test_an_archive_of_no_release(self, client, token, release):
        for name in ("1.0", "other-1.0", f"{release.dataset.slug}-9.9", release.dataset.slug):
            url = reverse("release_zip", args=[token, name])
            assert client.get(url).status_code == 404

    def test_a_grant_before_any_release(self, client):
        link, token = make_link()
        client.force_login(link.grant.applicant)
        page = client.get(reverse("download_page", args=[token]))
        assert "No release" in page.content.decode()
        assert client.get(reverse("download_manifest", args=[token])).status_code == 404


class TestEntries:
    def test_a_file_is_entered_with_its_range(self, client, grant, token):
        client.get(file_url(token), headers={"Range": "bytes=5-14", "User-Agent": "tool/1"})
        (entry,) = downloads()
        assert (entry.kind, entry.actor) == (kinds.FILE_DOWNLOADED, grant.applicant.audit_ref)
        assert entry.trail == grant.access_request.audit_ref
        transfer = Transfer.objects.get()
        assert entry.details == {
            "transfer": str(transfer.pk),
            "link": str(grant.links.get().pk),
            "release": "1.0",
            "path": CLIP,
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "range": f"bytes 5-14/{len(CONTENT)}",
            "status": 206,
            "promised": 10,
            "bytes": 10,
            "outcome": "complete",
            "how": "portal",
            "started_at": transfer.started_at.isoformat(),
        }
        personal = dict(entry.personal_values.values_list("field", "value"))
        assert personal == {"ip": "127.0.0.1", "user_agent": "tool/1"}

    def test_every_kind_of_bytes_is_entered_once(self, client, token, release):
        for number, url in enumerate(byte_urls(token, release).values(), 1):
            size = len(client.get(url).body)
            assert downloads().count() == number
            assert downloads().latest("pk").details["bytes"] == size

    def test_the_token_is_in_no_entry(self, client, token, release):
        for url in byte_urls(token, release).values():
            client.get(url)
        secret = token.split(".")[1]
        assert not any(secret in str(entry.details) for entry in Entry.objects.all())

    def test_answers_without_bytes_are_not_downloads(self, client, token):
        url = file_url(token)
        tag = client.head(url)["ETag"]
        client.get(url, headers={"If-None-Match": tag})
        client.get(url, headers={"If-Match": '"x"'})
        client.get(url, headers={"Range": "bytes=99999-"})
        client.get(file_url(token, "none"))
        client.get(reverse("download_page", args=[token]))
        assert not downloads().exists()

    @pytest.mark.parametrize("what", ["file", "release file", "zip", "manifest", "urls"])
    def test_what_cannot_be_written_down_is_not_sent(
        self, client, token, release, monkeypatch, what
    ):
        url = byte_urls(token, release)[what]

        def full(*args, **kwargs):
            raise DatabaseError("disk full")

        monkeypatch.setattr("requests_app.distribution.journal.insert", full)
        response = client.get(url)
        assert (response.status_code, response["Retry-After"]) == (503, "60")
        assert b"try again" in response.content
        assert not response.streaming

    @pytest.mark.parametrize("error", [OperationalError, InterfaceError])
    @pytest.mark.parametrize("accept", ["*/*", "text/html"])
    def test_while_the_database_is_away_everybody_is_told_when_to_come_back(
        self, client, token, release, accept, error
    ):
        urls = [*byte_urls(token, release).values(), reverse("download_page", args=[token])]

        def gone(*args, **kwargs):
            raise error("the server closed the connection unexpectedly")

        with connection.execute_wrapper(gone):
            for url in urls:
                response = client.get(url, headers={"Accept": accept})
                assert (response.status_code, response["Retry-After"]) == (503, "60")
                assert {name: response[name] for name in SECRETIVE} == SECRETIVE
                assert b"Please try again in a few" in response.content

    def test_it_is_written_down_before_the_first_byte_and_entered_after_the_last(
        self, token, release
    ):
        response = Client().get(archive_url(token, release))
        assert (Transfer.objects.count(), downloads().count()) == (1, 0)
        length = len(b"".join(response))
        assert downloads().get().details["bytes"] == length == Transfer.objects.get().bytes_sent

    def test_what_breaks_off_is_entered_with_the_bytes_that_left(self, token, release):
        response = Client().get(archive_url(token, release))
        next(response.streaming_content)
        response._iterator.close()
        told = downloads().get().details
        assert (told["outcome"], told["bytes"], told["promised"] > 0) == ("broken", 0, True)

    def test_a_settled_transfer_keeps_no_address(self, client, token):
        client.get(file_url(token), headers={"User-Agent": "tool/1"})
        transfer = Transfer.objects.get()
        assert (transfer.ip, transfer.user_agent, transfer.outcome) == ("", "", "complete")

    def test_a_file_gone_from_the_store_is_not_entered(self, client, grant, token, settings):
        (settings.FILES_DIR / f"{grant.dataset.slug}/1.0" / CLIP).unlink()
        response = client.get(file_url(token))
        assert response.status_code == 503
        assert b"nothing was sent" in response.content
        assert not downloads().exists()

    def test_a_file_of_another_size_is_not_served(self, client, grant, token, settings):
        (settings.FILES_DIR / f"{grant.dataset.slug}/1.0" / CLIP).write_bytes(b"short")
        assert client.get(file_url(token)).status_code == 503

    def test_a_link_swapped_into_the_store_is_not_followed(self, client, grant, token, settings):
        clip = settings.FILES_DIR / f"{grant.dataset.slug}/1.0" / CLIP
        outside = settings.FILES_DIR.parent / "outside"
        outside.write_bytes(CONTENT)
        clip.unlink()
        clip.symlink_to(outside)
        assert client.get(file_url(token)).status_code == 503

    def test_records_that_differ_from_the_manifest_make_no_archive(self, client, grant):
        make_release(grant.dataset, manifest_sha256="0" * 64)
        _, token = make_link(grant)
        assert client.get(reverse("download_manifest", args=[token])).status_code == 503


def closed_links():
    """A token for every reason to refuse: (reason, status, token)."""
    past = timezone.now() - timedelta(hours=1)
    withdrawn, inactive = make_link(), make_link()
    withdrawn[0].grant.access_request.state = State.WITHDRAWN
    withdrawn[0].grant.access_request.save()
    inactive[0].grant.applicant.is_active = False
    inactive[0].grant.applicant.save()
    _, good = make_link()
    return [
        ("unknown", 404, "x" * 110),
        ("altered", 404, good[:-3] + "abc"),
        ("malformed", 404, "x"),
        ("inactive", 404, inactive[1]),
        ("withdrawn", 403, withdrawn[1]),
        ("expired", 403, make_link(created_at=past - timedelta(days=1), expires_at=past)[1]),
        ("revoked", 403, make_link(revoked_at=past)[1]),
        ("grant expired", 403, make_link(GrantFactory(ends_at=past))[1]),
        ("grant revoked", 403, make_link(GrantFactory(revoked_at=past))[1]),
    ]


class TestSendfile:
    """What gunicorn needs: its own wrapper around a descriptor that stands at the first byte."""

    class Wrapper:
        def __init__(self, filelike, size):
            self.filelike, self.close = filelike, filelike.close

        def __iter__(self):
            return iter(lambda: self.filelike.read(100), b"")

    @pytest.fixture(autouse=True)
    def _keep_the_connection(self, monkeypatch):
        """Django would close the test's database connection around a real request."""
        for signal in (request_started, request_finished):
            monkeypatch.setattr(signal, "receivers", [])

    @pytest.fixture(autouse=True)
    def _nothing_is_small(self, monkeypatch):
        """Small files are read at once."""
        monkeypatch.setattr("requests_app.distribution.streams._SMALL", 0)

    @pytest.mark.parametrize(
        ("header", "start", "count"), [({}, 0, 200_000), ({"Range": "bytes=300-"}, 300, 199_700)]
    )
    def test_a_file_goes_out_through_the_server_s_wrapper(self, rf, token, header, start, count):
        content = bytes(range(250)) * 800
        dataset = DownloadLink.objects.get().grant.dataset
        make_release(dataset, version="9.0", files={"long.mp4": content})
        environ = rf.get(f"/d/{token}/files/long.mp4", headers=header).environ
        environ["wsgi.file_wrapper"] = self.Wrapper
        told = []
        answer = WSGIHandler()(environ, lambda status, headers: told.extend(headers))
        assert isinstance(answer, self.Wrapper)
        assert os.lseek(answer.filelike.fileno(), 0, os.SEEK_CUR) == start
        assert dict(told)["Content-Length"] == str(count)
        assert b"".join(answer) == content[start : start + count]
        answer.close()
        with pytest.raises(ValueError, match="closed file"):
            answer.filelike.fileno()


class TestRefusals:
    def test_every_address_below_a_closed_link_is_closed(self, client, release):
        for _, status, token in closed_links():
            for url in [*byte_urls(token, release).values(), f"/d/{token}/"]:
                response = client.get(url)
                assert response.status_code == status
                assert not response.streaming
                assert {name: response[name] for name in SECRETIVE} == SECRETIVE
        assert not downloads().exists()

    def test_a_program_gets_a_sentence_and_a_browser_a_page(self, client):
        for why, _, token in closed_links():
            line = client.get(f"/d/{token}/", headers={"Accept": "*/*"})
            assert line["Content-Type"] == "text/plain; charset=utf-8", why
            assert line.content.count(b"\n") == 1
            page = client.get(f"/d/{token}/", headers={"Accept": "text/html,*/*;q=0.8"})
            assert page["Content-Type"].startswith("text/html")
            sentence = line.content.decode().strip().replace("'", "&#x27;")
            assert sentence in page.content.decode()
            assert f"/d/{token}" not in page.content.decode()

    def test_each_refusal_costs_the_same_queries_before_it_is_sent(
        self, rf, django_assert_num_queries
    ):
        from requests_app.web import downloads  # noqa: PLC0415 - the view itself, no middleware

        for _, status, token in closed_links():
            with django_assert_num_queries(1):
                response = downloads.file(rf.get("/", headers={"Accept": "*/*"}), token, path=CLIP)
            assert response.status_code == status

    def test_the_refusal_of_a_link_we_know_is_entered_after_the_answer(self, client):
        link, token = make_link(revoked_at=timezone.now() - timedelta(hours=1))
        client.get(file_url(token), headers={"User-Agent": "tool/1"})
        (entry,) = Entry.objects.filter(kind=kinds.LINK_REFUSED)
        assert (entry.actor, entry.subject) == (link.grant.applicant.audit_ref, link.audit_ref)
        assert entry.details == {"why": "link_revoked"}
        personal = dict(entry.personal_values.values_list("field", "value"))
        assert personal == {"ip": "127.0.0.1", "user_agent": "tool/1", "path": f"file/{CLIP}"}

    def test_a_refusal_is_entered_once_however_often_it_is_closed(self, client, monkeypatch):
        _, token = make_link(revoked_at=timezone.now() - timedelta(hours=1))
        answer = client.get(file_url(token))
        monkeypatch.setattr(request_finished, "receivers", [])
        answer.close()
        assert Entry.objects.filter(kind=kinds.LINK_REFUSED).count() == 1

    def test_a_token_we_do_not_know_leaves_no_entry(self, client):
        client.get(file_url("x" * 110))
        assert not Entry.objects.exists()

    def test_a_holder_cannot_fill_the_log_with_refusals(self, client):
        link, token = make_link(revoked_at=timezone.now())
        other, other_token = make_link(revoked_at=timezone.now())
        for each in (token, token, token, other_token):
            assert client.get(f"/d/{each}/").status_code == 403
        entries = Entry.objects.filter(kind=kinds.LINK_REFUSED)
        assert sorted(entry.subject for entry in entries) == sorted(
            [link.audit_ref, other.audit_ref]
        )

    def test_a_refusal_that_cannot_be_entered_is_still_answered(self, client, monkeypatch):
        def full(*args, **kwargs):
            raise DatabaseError("disk full")

        _, token = make_link(revoked_at=timezone.now() - timedelta(hours=1))
        monkeypatch.setattr("requests_app.audit.log.appending.append", full)
        assert client.get(file_url(token)).status_code == 403


class TestCost:
    def test_a_file_takes_three_queries_until_its_first_byte(
        self, token, django_assert_num_queries
    ):
        """Link with its grant and limits, file, transfer."""
        with django_assert_num_queries(3):
            response = Client().get(file_url(token))
        response.close()

    @pytest.mark.parametrize("clips", [1, 3])
    def test_a_zip_takes_no_more_with_more_files(self, grant, django_assert_num_queries, clips):
        client = Client()
        files = {f"clips/{n}.mp4": b"x" for n in range(clips)}
        release = make_release(grant.dataset, files=files)
        url = archive_url(make_link(grant)[1], release)
        client.head(url)
        with django_assert_num_queries(3):
            response = client.get(url)
        response.close()

    @pytest.mark.parametrize("releases", [1, 3])
    def test_the_page_takes_no_more_with_more_releases(
        self, client, grant, django_assert_num_queries, releases
    ):
        for number in range(releases):
            make_release(grant.dataset, f"1.{number}")
        url = reverse("download_page", args=[make_link(grant)[1]])
        client.force_login(grant.applicant)
        client.get(url)
        with django_assert_num_queries(9):
            client.get(url)

    def test_a_zip_is_never_held_whole(self, grant):
        big = {f"clips/{n}.mp4": bytes(600_000) for n in range(4)}
        release = make_release(grant.dataset, files=big)
        response = Client().get(archive_url(make_link(grant)[1], release))
        assert max(len(block) for block in response.streaming_content) < 600_000


class TestLogs:
    def test_no_log_line_holds_a_token(self, client, token, caplog):
        client.get(file_url(token, "none"))
        client.post(file_url(token))
        assert len(caplog.records) == 2
        assert "/d/…/files/none" in caplog.text
        assert token not in caplog.text

    @pytest.mark.parametrize(
        ("line", "kept"),
        [
            ("GET /d/abc.def-1_2/files/x HTTP/1.1", "GET /d/…/files/x HTTP/1.1"),
            ("/d/abc", "/d/…"),
            ("https://h.example/d/abc/?x=/d/y", "https://h.example/d/…/?x=/d/…"),
            ("Not Found: /d/ abc.def/", "Not Found: /d/ …/"),
            (f"Not Found: /{'a' * 22}.{'b' * 43}.{'c' * 43}", "Not Found: /…"),
            ("/dataset/citation.bib", "/dataset/citation.bib"),
        ],
    )
    def test_only_tokens_are_taken_out(self, line, kept):
        assert redact(line) == kept

    def test_gunicorn_s_arguments_are_taken_out_too(self):
        for args in (("GET", "/d/abc/x", 1), {"r": "GET /d/abc/x", "b": 1}):
            record = logging.LogRecord("gunicorn.error", 40, "", 0, "%s", None, None)
            record.args = args
            assert RedactTokens().filter(record)
            assert "abc" not in str(record.args)
            assert "1" in str(record.args)


def test_the_store_is_where_the_settings_say(settings):
    storage().put("a/b", io.BytesIO(b"x"))
    assert (settings.FILES_DIR / "a/b").read_bytes() == b"x"
