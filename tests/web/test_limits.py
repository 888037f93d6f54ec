"""Each limit at its boundary, as a client meets it: a status, a sentence, and when to go on."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from requests_app.distribution import links
from requests_app.distribution.policy import FIELDS, set_networks, set_policy
from requests_app.distribution.settling import Ending, settle
from requests_app.distribution.tokens import digest, new_secret, write_token
from requests_app.distribution.transfers import SMALL, Outcome, Transfer
from tests.factories.distribution import GrantFactory, make_access_token, make_link, make_release
from tests.factories.requests import approver, superuser
from tests.factories.transfers import make_transfer
from tests.web.download_world import ReadingClient, archive_url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_store")]
CLIP = "clips/001.mp4"
SIZE = 700


@pytest.fixture
def grant():
    made = GrantFactory()
    make_release(made.dataset)
    return made


def allow(grant, **values):
    values = dict.fromkeys(FIELDS) | values
    set_policy(dataset_id=grant.dataset_id, values=values, by=superuser())


def fetch(token, path=CLIP, **more):
    return ReadingClient().get(f"/d/{token}/files/{path}", **more)


def test_as_many_downloads_at_once_as_allowed_and_no_more(grant):
    link, token = make_link(grant)
    allow(grant, concurrent=2)
    first = make_transfer(link, promised=SMALL + 1)
    assert fetch(token).status_code == 200
    make_transfer(make_access_token(grant)[0], promised=SMALL + 1)
    refused = fetch(token)
    assert (refused.status_code, refused["Retry-After"]) == (429, "5")
    assert "As many downloads as your grant allows" in refused.text
    assert ReadingClient().get(archive_url(token, grant.dataset.releases.get())).status_code == 429
    settle([Ending(first.pk, SMALL + 1, Outcome.COMPLETE)])
    assert fetch(token).status_code == 200


def test_the_limit_is_of_each_grant(grant):
    link, _ = make_link(grant)
    allow(grant, concurrent=1)
    make_transfer(link, promised=SMALL + 1)
    other = GrantFactory(dataset=grant.dataset)
    assert fetch(make_link(other)[1]).status_code == 200


@pytest.mark.parametrize(("most", "status"), [(2 * SIZE, 200), (2 * SIZE - 1, 429)])
def test_as_many_bytes_a_day_as_allowed_and_not_one_more(grant, most, status):
    _, token = make_link(grant)
    allow(grant, bytes_per_day=most)
    assert fetch(token).status_code == 200
    with time_machine.travel(timezone.now().replace(hour=23, minute=59, second=30), tick=False):
        yesterday = datetime.now(UTC).date()
        answer = fetch(token)
    assert answer.status_code == status
    if status == 429:
        assert answer["Retry-After"] == "30"
        assert "as many bytes as it may in a day" in answer.text
    with time_machine.travel(datetime(*yesterday.timetuple()[:3], tzinfo=UTC) + timedelta(days=1)):
        assert fetch(token).status_code == 200, "a new day of UTC"


def test_hanging_up_in_the_middle_of_a_small_file_does_not_avoid_the_limit(grant):
    """Nobody can tell how much of its only block has left; nearly all of it may have."""
    _, token = make_link(grant)
    allow(grant, bytes_per_day=2 * SIZE - 1)
    answer = Client().get(f"/d/{token}/files/{CLIP}")
    assert len(next(answer.streaming_content)) == SIZE
    answer._iterator.close()
    row = Transfer.objects.get()
    assert (row.outcome, row.bytes_sent) == (Outcome.BROKEN, 0), "no more than is known to have"
    assert fetch(token).status_code == 429


def test_a_link_works_to_its_last_instant(grant):
    allow(grant, link_days=3)
    link = links.ensure_link(grant_id=grant.pk)
    assert link.expires_at - link.created_at == timedelta(days=3)
    secret = new_secret()
    type(link).objects.filter(pk=link.pk).update(secret_sha256=digest(secret))
    token = write_token(link.pk, secret)
    with time_machine.travel(link.expires_at - timedelta(microseconds=1), tick=False):
        assert fetch(token).status_code == 200
    with time_machine.travel(link.expires_at, tick=False):
        refused = fetch(token)
    assert refused.status_code == 403
    assert "ask for a new link" in refused.text


def test_one_link_more_than_may_be_alive_closes_the_oldest(grant):
    now = timezone.now()
    _, first = make_link(grant, created_at=now - timedelta(hours=2))
    _, second = make_link(grant, created_at=now - timedelta(hours=1))
    allow(grant, links_alive=2)
    assert {fetch(first).status_code, fetch(second).status_code} == {200}
    links.renew_link(grant_id=grant.pk, by=grant.applicant)
    refused = fetch(first)
    assert refused.status_code == 403
    assert "has been revoked" in refused.text
    assert fetch(second).status_code == 200


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("192.0.2.0", 200),
        ("192.0.2.127", 200),
        ("192.0.2.128", 403),
        ("192.0.1.255", 403),
        ("::ffff:192.0.2.127", 200),
        ("2001:db8:0:ffff::1", 200),
        ("2001:db8:1::", 403),
    ],
)
def test_the_networks_of_a_grant_end_where_they_say(grant, address, status):
    _, token = make_link(grant)
    networks = "192.0.2.0/25 2001:db8::/48"
    set_networks(grant_id=grant.pk, networks=networks, by=approver(grant.dataset))
    answer = fetch(token, REMOTE_ADDR=address)
    assert answer.status_code == status
    if status == 403:
        assert "institution's networks only" in answer.text


def test_the_page_asks_for_a_sign_in_where_the_dataset_says_so(grant, client):
    _, token = make_link(grant)
    allow(grant, page_sign_in=True)
    refused = client.get(f"/d/{token}/")
    assert refused.status_code == 403
    assert "Sign in" in refused.text
    assert fetch(token).status_code == 200, "command lines need none"
    allow(grant, page_sign_in=False)
    assert client.get(f"/d/{token}/").status_code == 200
