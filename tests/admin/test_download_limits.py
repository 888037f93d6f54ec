import pytest

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution.policy import DownloadPolicy
from tests.admin.places import at
from tests.factories.distribution import GrantFactory
from tests.factories.requests import DatasetFactory, approver, reviewer, superuser

pytestmark = pytest.mark.django_db


class TestPolicy:
    def test_a_superuser_sets_it_and_the_log_keeps_before_and_after(self, enter):
        client, dataset = enter(superuser()), DatasetFactory()
        response = client.post(
            at("downloadpolicy_add"), {"dataset": dataset.pk, "link_days": 7, "concurrent": 4}
        )
        assert response.status_code == 302
        policy = DownloadPolicy.objects.get()
        assert (policy.link_days, policy.concurrent, policy.bytes_per_day) == (7, 4, None)
        change = at("downloadpolicy_change", policy.pk)
        client.post(change, {"link_days": 3, "page_sign_in": "false"})
        client.post(change, {"link_days": 3, "page_sign_in": "false"})
        entries = Entry.objects.filter(kind=kinds.DOWNLOAD_POLICY_CHANGED).order_by("pk")
        assert [entry.details["after"]["link_days"] for entry in entries] == [7, 3]
        assert entries[1].details["before"]["concurrent"] == 4

    def test_a_limit_that_lets_nobody_in_is_refused_with_a_sentence(self, enter):
        response = enter(superuser()).post(
            at("downloadpolicy_add"), {"dataset": DatasetFactory().pk, "concurrent": 0}
        )
        assert response.status_code == 200
        assert "would let nobody in" in response.text
        assert not DownloadPolicy.objects.exists()


class TestNetworks:
    def test_an_approver_sets_them_and_the_log_keeps_before_and_after(self, enter):
        grant = GrantFactory()
        client = enter(approver(grant.dataset))
        typed = {"networks": "192.0.2.0/24, 2001:db8::/32"}
        assert client.post(at("grant_change", grant.pk), typed).status_code == 302
        grant.refresh_from_db()
        assert grant.networks == "192.0.2.0/24 2001:db8::/32"
        entry = Entry.objects.get(kind=kinds.GRANT_NETWORKS_CHANGED)
        assert entry.personal_values.get(field="after").value == grant.networks

    def test_what_is_no_network_is_named(self, enter):
        grant = GrantFactory()
        client = enter(approver(grant.dataset))
        response = client.post(at("grant_change", grant.pk), {"networks": "192.0.2.1/24"})
        assert response.status_code == 200
        assert "is not a network" in response.text

    @pytest.mark.parametrize("who", [reviewer, lambda dataset: superuser()])
    def test_nobody_else_sets_them(self, enter, who):
        grant = GrantFactory()
        client = enter(who(grant.dataset))
        client.post(at("grant_change", grant.pk), {"networks": "192.0.2.0/24"})
        grant.refresh_from_db()
        assert grant.networks == ""
