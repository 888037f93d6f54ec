"""The listing: walked by people, by fsspec, and closed to everybody without a link."""

import fsspec
import pytest
from django.urls import reverse

from tests.factories.distribution import GrantFactory, make_link, make_release

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_store")]

FILES = {
    "labels.csv": b"path\n",
    "clips/cross/1.mp4": b"one",
    "clips/cross/2+3=5.mp4": b"five",
    "clips/hungry/1.mp4": b"hungry",
}


@pytest.fixture
def token():
    grant = GrantFactory()
    make_release(grant.dataset, files=FILES)
    return make_link(grant)[1]


def links(html: str) -> list[str]:
    return [part.partition('"')[0] for part in html.split('href="')[1:]]


def test_folders_first_by_name_and_files_with_their_size(client, token):
    response = client.get(reverse("download_listing", args=[token]))
    html = response.content.decode()
    assert links(html) == ["clips/", "labels.csv"]
    assert "labels.csv</a> 5" in html
    assert token not in html
    assert response["Cache-Control"] == "private, no-store"
    below = client.get(reverse("release_folder", args=[token, "1.0", "clips/cross"]))
    assert links(below.content.decode()) == ["../", "1.mp4", "2+3=5.mp4"]


@pytest.mark.parametrize("folder", ["nothing", "clips/cro", "labels.csv", "..", "clips/.."])
def test_a_folder_that_is_none(client, token, folder):
    base = reverse("download_listing", args=[token])
    assert client.get(f"{base}{folder}/").status_code == 404


def test_without_a_link_there_is_no_listing(client):
    assert client.get("/d/nothing/files/").status_code == 404
    _, expired = make_link(GrantFactory(ends_at="2001-01-01T00:00Z", starts_at="2000-01-01T00:00Z"))
    assert client.get(f"/d/{expired}/files/").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_fsspec_walks_and_reads_it(live_server):
    grant = GrantFactory()
    make_release(grant.dataset, files=FILES)
    root = f"{live_server.url}/d/{make_link(grant)[1]}/files"
    remote = fsspec.filesystem("http")
    found = remote.find(f"{root}/")
    assert {each.removeprefix(f"{root}/").replace("", "") for each in found} == set(FILES)
    assert remote.cat_file(f"{root}/clips/hungry/1.mp4", start=1, end=4) == b"ung"


def test_a_folder_without_its_slash_leads_to_it(client, token):
    url = reverse("download_file", args=[token, "clips/cross"])
    assert client.get(url)["Location"] == "cross/"
    assert client.get(url, follow=True).status_code == 200
