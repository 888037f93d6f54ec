"""The page of a grant's downloads: tokens shown once, what was fetched, nobody else's."""

import json
import re
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from requests_app.audit import checkpoints, kinds, outsider
from requests_app.audit.models import Entry
from requests_app.distribution.fetched import Fetched
from requests_app.distribution.models import AccessToken
from requests_app.identity.models import User
from requests_app.web.receipts import entries_of
from tests.factories.distribution import GrantFactory, make_access_token, make_link, make_release
from tests.factories.requests import PASSWORD, UserFactory
from tests.web.download_world import ReadingClient, archive_url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_store")]
TOKEN = re.compile(r"pat-[\w-]{22}\.[\w-]{43}\.[\w-]{43}")


@pytest.fixture
def grant():
    made = GrantFactory()
    make_release(made.dataset)
    return made


def signed_in(user: User) -> Client:
    """Somebody whose address is verified, with the password `PASSWORD`."""
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    user.set_password(PASSWORD)
    user.save()
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def holder(grant) -> Client:
    return signed_in(grant.applicant)


def address(grant, name="request_downloads", *more):
    return reverse(name, args=[grant.access_request_id, grant.pk, *more])


def make(holder, grant, name="cluster", password=PASSWORD):
    return holder.post(address(grant), {"name": name, "password": password})


class TestTokens:
    def test_a_token_is_shown_once_and_opens_what_the_grant_opens(self, holder, grant):
        response = make(holder, grant)
        (text,) = set(TOKEN.findall(response.content.decode()))
        assert "no-store" in response["Cache-Control"]
        bearer = {"Authorization": f"Bearer {text}"}
        answer = ReadingClient().get("/data/manifest.sha256", headers=bearer)
        assert answer.status_code == 200
        assert not TOKEN.search(holder.get(address(grant)).content.decode())

    def test_sent_twice_the_second_makes_none(self, holder, grant):
        make(holder, grant)
        again = make(holder, grant)
        assert again.status_code == 409
        assert not TOKEN.search(again.content.decode())
        assert AccessToken.objects.count() == 1

    @pytest.mark.parametrize(("name", "password"), [("", PASSWORD), ("a", ""), ("a", "wrong")])
    def test_without_name_or_password_there_is_none(self, holder, grant, name, password):
        response = make(holder, grant, name, password)
        assert response.status_code == 400
        assert not AccessToken.objects.exists()

    def test_a_grant_that_ended_makes_none_and_offers_none(self, holder, grant):
        grant.revoked_at = timezone.now()
        grant.save()
        assert make(holder, grant).status_code == 409
        assert "Make the token" not in holder.get(address(grant)).content.decode()

    def test_a_revoked_token_opens_nothing(self, holder, grant):
        token, text = make_access_token(grant)
        holder.post(address(grant, "token_revoke", token.pk))
        bearer = {"Authorization": f"Bearer {text}"}
        assert Client().get("/data/manifest.sha256", headers=bearer).status_code == 403
        again = holder.post(address(grant, "token_revoke", token.pk), follow=True)
        assert "revoked already" in again.content.decode()

    def test_a_token_of_another_grant_is_not_there(self, holder, grant):
        token, _ = make_access_token()
        assert holder.post(address(grant, "token_revoke", token.pk)).status_code == 404
        token.refresh_from_db()
        assert token.revoked_at is None

    def test_nobody_else_makes_one(self, grant):
        assert make(signed_in(UserFactory()), grant).status_code == 404


class TestFetched:
    def test_it_tells_what_arrived_and_offers_the_receipt(self, holder, grant):
        _, token = make_link(grant)
        ReadingClient().get(f"/d/{token}/files/clips/001.mp4")
        ReadingClient().get(f"/d/{token}/files/clips/003.mp4", headers={"Range": "bytes=0-9"})
        checkpoints.seal()
        page = holder.get(address(grant)).content.decode()
        assert "1 complete, 1 in part" in page
        (receipt,) = re.findall(r"/requests/[\w-]+/receipts/\d+\.json", page)
        told = holder.get(receipt).json()
        assert "holder:file:downloaded" in str(told["leaf"])

    def test_the_receipt_is_of_the_download_that_carried_all_of_it(self, holder, grant):
        _, token = make_link(grant)
        url = f"/d/{token}/files/clips/001.mp4"
        ReadingClient().get(url)
        whole = Entry.objects.get(kind=kinds.FILE_DOWNLOADED)
        ReadingClient().get(url, headers={"Range": "bytes=0-9"})
        checkpoints.seal()
        page = holder.get(address(grant)).content.decode()
        assert re.findall(r'href="[^"]+/receipts/(\d+)\.json"', page) == [str(whole.pk)]

    def test_until_a_checkpoint_covers_it_a_receipt_is_no_link(self, holder, grant):
        _, token = make_link(grant)
        ReadingClient().get(f"/d/{token}/files/clips/001.mp4")
        page = holder.get(address(grant)).text
        assert "available in a few seconds" in page
        assert not re.search(r'href="[^"]+/receipts/', page)
        (awaited,) = re.findall(r'data-awaited="([^"]+)"', page)
        assert holder.head(awaited).status_code == 202
        checkpoints.seal()
        assert holder.head(awaited).status_code == 200
        assert f'href="{awaited}"' in holder.get(address(grant)).text

    def test_what_came_in_pieces_has_a_receipt_of_each_that_outsiders_can_check(
        self, holder, grant, tmp_path, capsys
    ):
        _, token = make_link(grant)
        url = f"/d/{token}/files/clips/001.mp4"
        for piece in ("bytes=0-499", "bytes=400-599", "bytes=500-"):
            ReadingClient().get(url, headers={"Range": piece})
        checkpoints.seal()
        page = holder.get(address(grant)).text
        (receipts,) = re.findall(r'href="([^"]+/receipts/[\w-]+\.json)"', page)
        assert "Receipts of 2 pieces" in page
        file = tmp_path / "receipts.json"
        file.write_bytes(holder.get(receipts).content)
        told = json.loads(file.read_text())
        leaves = [json.loads(each["leaf"])["details"] for each in told["receipts"]]
        assert [leaf["range"] for leaf in leaves] == ["bytes 0-499/700", "bytes 500-699/700"]
        assert (told["name"], told["bytes"]) == ("clips/001.mp4", 700)
        key = ["--key", checkpoints.latest().vkey, "--receipt", str(file)]
        assert outsider.main(key) == 0
        told["receipts"][1]["leaf"] = told["receipts"][1]["leaf"].replace("500", "100")
        file.write_text(json.dumps(told))
        assert outsider.main(key) == 1
        file.write_text('{"receipts": []}')
        assert outsider.main(key) == 1

    def test_there_may_be_more_pieces_than_a_query_takes_values(self, grant):
        pieces = tuple(uuid4() for _ in range(70_000))
        thing = Fetched("", "1.0", "x", "", 70_000, 70_000, 0, timezone.now(), pieces)
        assert entries_of(grant, [thing]) == {}
        assert checkpoints.covered(range(1, 70_001)) == set()

    def test_an_incomplete_download_has_no_receipt_of_the_whole(self, holder, grant):
        _, token = make_link(grant)
        ReadingClient().get(f"/d/{token}/files/clips/001.mp4", headers={"Range": "bytes=0-9"})
        checkpoints.seal()
        assert "/receipts/" not in holder.get(address(grant)).text
        piece = grant.transfers.get()
        assert holder.get(address(grant, "transfer_receipt", piece.pk)).status_code == 404

    def test_the_release_as_a_whole_is_told(self, holder, grant):
        _, token = make_link(grant)
        ReadingClient().get(f"/d/{token}/files/clips/001.mp4")
        assert "1 of 4 files" in holder.get(address(grant)).text
        release = grant.dataset.releases.get()
        ReadingClient().get(archive_url(token, release))
        assert "complete: 4 files" in holder.get(address(grant)).text

    @pytest.mark.parametrize("files", [1, 3])
    def test_it_takes_as_many_queries_for_three_as_for_one(
        self, holder, grant, files, django_assert_num_queries
    ):
        _, token = make_link(grant)
        for number in range(1, files + 1):
            ReadingClient().get(f"/d/{token}/files/clips/00{number}.mp4")
        holder.get(address(grant))
        with django_assert_num_queries(19):
            holder.get(address(grant))

    def test_before_anything_was_fetched_it_says_so(self, holder, grant):
        assert "Nothing has been fetched" in holder.get(address(grant)).content.decode()
