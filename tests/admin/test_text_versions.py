"""The page of a text version, and asking holders to sign it."""

import pytest
from django.urls import reverse

from requests_app.agreements.texts import load_texts
from requests_app.audit.log import OPERATOR
from requests_app.distribution.models import ReconsentCampaign
from requests_app.lifecycle.reconsent import earliest_deadline
from tests.factories.agreements import publish_text, text_source
from tests.factories.datasets import card_table
from tests.factories.distribution import make_link
from tests.factories.reconsents import campaign_for, long_standing, signed_anew
from tests.factories.requests import DatasetFactory, approver, reviewer, superuser
from tests.factories.review import granted

pytestmark = pytest.mark.django_db


def page(text):
    return reverse("admin:requests_app_agreementtext_change", args=[text.pk])


def asking(text):
    return reverse("admin:requests_app_agreementtext_ask", args=[text.pk])


def shown(client, by, text):
    client.force_login(by)
    return client.get(page(text)).content.decode()


@pytest.fixture
def grant():
    return long_standing(granted(legal_name="Ada Larus"))


@pytest.fixture
def newer(grant):
    return publish_text(grant.dataset, 2, text_source("may admire"))


def test_the_differences_are_marked_as_such(client, grant, newer):
    html = shown(client, reviewer(grant.dataset), newer)
    assert "What changed since version 1" in html
    assert "<ins>admire</ins>" in html
    assert "<del>look at</del>" in html
    assert "What changed since" not in shown(client, reviewer(grant.dataset), grant.agreement.text)


def test_it_says_who_published_it(client, tmp_path):
    (tmp_path / "gulls-daa-1.md").write_text(text_source())
    dataset = DatasetFactory(slug="gulls", card=card_table(daa="gulls-daa-1"))
    text = load_texts(dataset=dataset, by=OPERATOR, folder=tmp_path)
    assert "Published by <bdi>an operator</bdi>" in shown(client, reviewer(dataset), text)


def test_a_text_is_shown_and_never_read_as_markup(client, grant):
    text = publish_text(grant.dataset, 2, text_source("may <script>look</script> at"))
    html = shown(client, reviewer(grant.dataset), text)
    assert "<script>look" not in html
    assert "&lt;script&gt;" in html


def test_who_stands_on_older_versions_is_listed_for_whoever_reviews(client, grant, newer):
    html = shown(client, reviewer(grant.dataset), newer)
    assert "Ada Larus" in html
    assert "Version 1: 1 live grant." in html
    html = shown(client, superuser(), newer)
    assert "Ada Larus" not in html
    assert "Version 1: 1 live grant." in html


def test_who_signed_anew_stands_on_the_new_version(client, grant):
    campaign = campaign_for(grant)
    signed_anew(grant, campaign)
    html = shown(client, reviewer(grant.dataset), campaign.text)
    assert "Ada Larus" not in html
    assert "Version 2: 1 live grant." in html


def test_a_suspended_holder_is_marked_everywhere(client, grant):
    campaign = campaign_for(grant, days=-1)
    by = reviewer(grant.dataset)
    assert "Suspended" in shown(client, by, campaign.text)
    for where in (
        reverse("admin:requests_app_grant_changelist"),
        reverse("admin:requests_app_grant_changelist") + "?state=suspended",
        reverse("admin:requests_app_grant_change", args=[grant.pk]),
        reverse("admin:requests_app_accessrequest_change", args=[grant.access_request_id]),
    ):
        assert ">Suspended<" in client.get(where).content.decode(), where


def test_a_link_on_a_suspended_grant_is_said_to_be_closed(client, grant):
    make_link(grant)
    client.force_login(reviewer(grant.dataset))
    where = reverse("admin:requests_app_downloadlink_changelist")
    assert ">Open<" in client.get(where).content.decode()
    campaign_for(grant, days=-1)
    assert "Closed: grant suspended" in client.get(where).content.decode()


def test_an_approver_asks_once(client, grant, newer):
    client.force_login(approver(grant.dataset))
    assert asking(newer) in client.get(page(newer)).content.decode()
    sent = {"last_day": earliest_deadline().isoformat(), "reason": "Counsel asked."}
    answer = client.post(asking(newer), sent, follow=True)
    html = answer.content.decode()
    assert "Asked. Each holder gets a letter now" in html
    assert "Counsel asked." in html
    assert asking(newer) not in html
    assert ReconsentCampaign.objects.get().text == newer
    assert "already" in client.post(asking(newer), sent, follow=True).content.decode()


@pytest.mark.parametrize(
    "sent",
    [
        {"last_day": "", "reason": "Counsel asked."},
        {"last_day": "soon", "reason": "Counsel asked."},
        {"last_day": "2001-01-01", "reason": "Counsel asked."},
        {"last_day": "", "reason": ""},
    ],
)
def test_what_was_typed_survives_a_refusal(client, grant, newer, sent):
    client.force_login(approver(grant.dataset))
    answer = client.post(asking(newer), sent)
    assert answer.status_code == 400
    assert sent["reason"] in answer.content.decode()
    assert not ReconsentCampaign.objects.exists()


def test_nobody_else_is_offered_it(client, grant, newer):
    assert asking(newer) not in shown(client, reviewer(grant.dataset), newer)
    assert client.post(asking(newer), {}).status_code == 403
    client.force_login(approver())
    assert client.get(asking(newer)).status_code == 404
