"""The page of a download link: what it tells, and the choice it offers."""

import re

import pytest
from django.urls import reverse
from django.utils.timezone import now

from requests_app.audit import kinds
from requests_app.distribution.transfers import Transfer
from tests.factories.distribution import make_link, make_release
from tests.factories.requests import UserFactory
from tests.factories.transfers import make_transfer
from tests.web.download_world import SECRETIVE, ReadingClient, archive_url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_store")]


@pytest.fixture
def html(client, token):
    return client.get(reverse("download_page", args=[token])).content.decode()


@pytest.fixture(autouse=True)
def _signed_in(client, grant):
    client.force_login(grant.applicant)


def test_it_says_what_until_when_and_how(html, token, release, grant):
    link = grant.links.get()
    assert link.expires_at.strftime("%H:%M UTC") in html
    assert "Hungry" in html
    assert f"http://testserver{archive_url(token, release)}" in html
    for tool in ("wget -c", "curl -f -C -", "aria2c -c", "sha256sum --quiet -c"):
        assert tool in html
    assert "labels.csv" in html
    assert "SYNTHETIC" not in html


def test_the_title_does_not_hold_the_token(html, token):
    assert token not in re.search(r"<title>(.*?)</title>", html, re.DOTALL)[1]


def test_the_page_leaves_no_trace(client, token):
    response = client.get(reverse("download_page", args=[token]))
    assert {name: response[name] for name in SECRETIVE} == SECRETIVE


def test_it_says_that_synthetic_data_is_synthetic(client, grant):
    make_release(grant.dataset, is_synthetic=True)
    _, token = make_link(grant)
    page = client.get(reverse("download_page", args=[token])).content.decode()
    assert "SYNTHETIC" in page


def test_only_the_holder_is_offered_a_new_link(client, grant, token, settings):
    settings.PAGE_SIGN_IN = False
    client.logout()
    url, renewal = f"/d/{token}/", reverse("link_renew", args=[grant.pk])
    assert renewal not in client.get(url).content.decode()
    client.force_login(UserFactory())
    assert renewal not in client.get(url).content.decode()
    client.force_login(grant.applicant)
    assert renewal in client.get(url).content.decode()


CHOICE = {"release": "1.0", "class": ["hungry"], "split": ["test"]}


@pytest.fixture
def gulls(grant):
    marks = {
        "1.mp4": ("hungry", "train"),
        "2.mp4": ("hungry", "test"),
        "3.mp4": ("cross", "train"),
    }
    files = dict.fromkeys(marks, b"clip" * 9) | {"labels.csv": b"path\n"}
    return make_release(grant.dataset, files=files, marks=marks)


@pytest.fixture
def address(grant, gulls):
    return f"/d/{make_link(grant)[1]}/"


def ticked(html: str) -> set[str]:
    return set(re.findall(r'value="([\w-]+)" checked', html))


def test_everything_is_ticked_at_first_and_everything_is_the_whole(client, address, gulls):
    first = client.get(address).content.decode()
    assert ticked(first) == {"hungry", "cross", "train", "test"}
    every = {"release": "1.0", "class": ["cross", "hungry"], "split": ["test", "train"]}
    sent = client.get(address, every).content.decode()
    assert f"{gulls.dataset.slug}-1.0.zip&#x27;" in sent
    assert "?class=" not in sent


def test_the_page_without_scripts_offers_what_was_ticked(client, address, gulls):
    html = client.get(address, CHOICE).content.decode()
    assert ticked(html) == {"hungry", "test"}
    assert "Your choice: 1 clip" in html
    query = "?class=hungry&amp;split=test"
    for name in (f"{gulls.dataset.slug}-1.0.zip", f"{gulls.dataset.slug}-1.0.tar", "urls.txt"):
        assert f"{name}{query}" in html
    assert "client.py --class hungry --split test --release 1.0" in html


def test_what_the_page_offers_is_there_and_as_large_as_it_says(client, address):
    html = client.get(address, CHOICE).content.decode()
    url = re.search(r'class="button" href="([^"]+)"', html)[1].replace("&amp;", "&")
    tag = re.search(r"If-Match: &quot;(\w+)&quot;", html)[1]
    assert client.head(url, headers={"If-Match": f'"{tag}"'}).status_code == 200
    assert client.head(url, headers={"If-Match": '"other"'}).status_code == 412


@pytest.mark.parametrize(
    "choice",
    [
        {"class": [], "split": ["test"]},
        {"class": ["cross"], "split": ["test"]},
        {"class": ["nothing"], "split": ["test"]},
        {"class": ["hungry"]},
    ],
)
def test_a_choice_that_is_none_is_told_and_the_whole_is_offered(client, address, choice):
    response = client.get(address, {"release": "1.0"} | choice)
    html = response.content.decode()
    assert response.status_code == 200
    assert 'role="alert"' in html
    assert "The whole release" in html


def test_a_choice_is_of_one_release(client, address, grant, gulls):
    make_release(grant.dataset, "1.1")
    html = client.get(address, CHOICE).content.decode()
    assert html.count("Your choice:") == html.count("The whole release") == 1


def test_what_a_release_calls_its_classes_cannot_leave_the_command_line(client, grant):
    odd = "a'; rm -rf $HOME; '"
    make_release(grant.dataset, files={"1.mp4": b"1", "2.mp4": b"2"}, marks={"1.mp4": (odd, None)})
    address = f"/d/{make_link(grant)[1]}/"
    html = client.get(address, {"release": "1.0", "class": [odd]}).content.decode()
    assert "--class &#x27;a&#x27;&quot;&#x27;&quot;&#x27;; rm" in html


class TestFetchedSoFar:
    """The bars are what the portal recorded, so they are the same after a reload or elsewhere."""

    def bars(self, client, token):
        return client.get(f"/d/{token}/progress.json").json()

    def test_page_and_json_tell_the_same_of_each_release(self, client, token, release):
        ReadingClient().get(f"/d/{token}/files/clips/002.mp4")
        (bar,) = self.bars(client, token)["releases"]
        assert bar["text"] == "1 of 4 files, 1.4\u00a0KB of 4.1\u00a0KB"
        assert (bar["value"], bar["maximum"]) == (1400, release.total_bytes)
        page = client.get(f"/d/{token}/").text
        assert bar["text"] in page
        assert f'id="{bar["id"]}"' in page
        assert f'value="{bar["value"]}"' in page

    def test_a_complete_archive_completes_the_release(self, client, token, release):
        ReadingClient().get(archive_url(token, release, "tar"))
        told = self.bars(client, token)
        assert told["releases"][0]["text"].startswith("complete: 4 files")
        assert told["downloads"] == []

    def test_an_archive_that_was_broken_off_says_how_far_it_came(self, client, token, release):
        ReadingClient().get(archive_url(token, release), headers={"Range": "bytes=0-99"})
        (bar,) = self.bars(client, token)["downloads"]
        assert bar["value"] == 100
        assert "broken off, 100\u00a0bytes of" in bar["text"]
        assert bar["text"] in client.get(f"/d/{token}/").text

    def test_what_runs_is_told_with_the_byte_it_has_come_to(self, client, grant, token, release):
        link = grant.links.get()
        name = f"{release.dataset.slug}-1.0.zip"
        about = {"kind": kinds.ARCHIVE_DOWNLOADED, "name": name, "digest": "z"}
        part = make_transfer(link, promised=100, outcome="broken", settled_at=now(), **about)
        Transfer.objects.filter(pk=part.pk).update(bytes_sent=40)
        make_transfer(link, range="bytes 40-99/100", promised=60, bytes_sent=20, **about)
        (bar,) = self.bars(client, token)["downloads"]
        assert (bar["value"], bar["maximum"]) == (60, 100)
        assert bar["text"].startswith("running, 60\u00a0bytes of 100")

    def test_it_is_for_whoever_may_open_the_page(self, client, token, settings):
        client.logout()
        assert client.get(f"/d/{token}/progress.json").status_code == 403
        settings.PAGE_SIGN_IN = False
        answer = client.get(f"/d/{token}/progress.json")
        assert answer.status_code == 200
        assert {name: answer[name] for name in SECRETIVE} == SECRETIVE

    @pytest.mark.parametrize("files", [1, 3])
    def test_it_takes_as_many_queries_for_three_files_as_for_one(
        self, client, token, release, files, django_assert_num_queries
    ):
        for number in range(1, files + 1):
            ReadingClient().get(f"/d/{token}/files/clips/00{number}.mp4")
        client.get(f"/d/{token}/")
        with django_assert_num_queries(6):
            client.get(f"/d/{token}/progress.json")
