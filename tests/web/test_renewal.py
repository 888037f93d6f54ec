"""Asking for a fresh link."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from tests.factories.distribution import GrantFactory, make_release
from tests.factories.requests import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_store")]


def test_the_holder_asks_and_gets_one(client, grant):
    client.force_login(grant.applicant)
    url = reverse("link_renew", args=[grant.pk])
    asked = client.get(url)
    assert grant.applicant.email in asked.content.decode()
    assert "no-store" in asked["Cache-Control"]
    assert not grant.links.exists()
    response = client.post(url)
    assert response["Location"] == f"/requests/{grant.access_request_id}/"
    assert grant.links.count() == 1


@pytest.mark.parametrize("is_synthetic", [True, False])
def test_demo_data_is_called_synthetic(client, is_synthetic):
    grant = GrantFactory()
    make_release(grant.dataset, is_synthetic=is_synthetic)
    client.force_login(grant.applicant)
    asked = client.get(reverse("link_renew", args=[grant.pk])).content.decode()
    assert ("Synthetic demonstration data" in asked) is is_synthetic


def test_too_many_are_refused_with_a_sentence(client, grant, settings):
    settings.LINKS_PER_DAY = 1
    client.force_login(grant.applicant)
    url = reverse("link_renew", args=[grant.pk])
    client.post(url)
    response = client.post(url)
    assert grant.links.count() == 1
    assert "spam folder" in str(list(get_messages(response.wsgi_request))[-1])


def test_for_everybody_else_there_is_no_such_grant(client, grant):
    url = reverse("link_renew", args=[grant.pk])
    assert client.post(url).status_code == 302
    client.force_login(UserFactory())
    assert client.get(url).status_code == 404
    assert client.post(url).status_code == 404
    assert not grant.links.exists()


def test_a_grant_that_is_over_offers_nothing(client):
    grant = GrantFactory(revoked_at=timezone.now() - timedelta(hours=1))
    client.force_login(grant.applicant)
    url = reverse("link_renew", args=[grant.pk])
    assert "not active" in client.get(url).content.decode()
    client.post(url)
    assert not grant.links.exists()
