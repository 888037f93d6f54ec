"""Revoking one download link on the page of its request."""

import pytest

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution.models import GrantState
from tests.admin.places import at, page_of
from tests.factories.requests import approver, auditor, reviewer, superuser
from tests.factories.review import granted, link_of

pytestmark = pytest.mark.django_db


def close_url(link, under=None):
    return at("accessrequest_close", (under or link.grant.access_request).pk, link.pk)


def test_revoking_asks_first_then_closes_this_link_and_keeps_the_grant(enter):
    grant = granted()
    link, other = link_of(grant), link_of(grant)
    client = enter(approver(grant.dataset))
    assert close_url(link) in client.get(page_of(grant.access_request)).text
    assert client.get(close_url(link)).status_code == 200
    link.refresh_from_db()
    assert link.revoked_at is None
    response = client.post(close_url(link), {"reason": "It was forwarded."}, follow=True)
    assert response.redirect_chain == [(page_of(grant.access_request), 302)]
    link.refresh_from_db()
    other.refresh_from_db()
    assert (link.revoked_at is None, other.revoked_at is None) == (False, True)
    assert grant.state() is GrantState.ACTIVE
    assert close_url(link) not in response.text
    assert "It was forwarded." in response.text
    assert Entry.objects.filter(kind=kinds.LINK_REVOKED).count() == 1


def test_without_a_reason_the_link_stays_open(enter):
    link = link_of(granted())
    response = enter(approver(link.grant.dataset)).post(close_url(link), {"reason": " "})
    assert response.status_code == 400
    link.refresh_from_db()
    assert link.revoked_at is None


def test_revoking_twice_is_told(enter):
    link = link_of(granted())
    client = enter(approver(link.grant.dataset))
    client.post(close_url(link), {"reason": "It was forwarded."})
    response = client.post(close_url(link), {"reason": "And again."})
    assert response.status_code == 409
    assert "And again." in response.text


def test_only_approvers_of_the_dataset_and_only_under_its_own_request(enter):
    link, mine = link_of(granted()), granted()
    people = {reviewer(link.grant.dataset): 403, auditor(): 403, superuser(): 404}
    for user, status in people.items():
        assert enter(user).post(close_url(link), {"reason": "x"}).status_code == status
    stranger = enter(approver(mine.dataset))
    for url in (close_url(link), close_url(link, under=mine.access_request)):
        assert stranger.post(url, {"reason": "Mine now."}).status_code == 404
    link.refresh_from_db()
    assert link.revoked_at is None
