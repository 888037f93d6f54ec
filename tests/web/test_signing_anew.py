"""The holder's pages: what waits, signing it, and what is said meanwhile."""

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from requests_app.agreements.gathering import remove
from requests_app.agreements.models import Agreement
from requests_app.agreements.preview import preview
from requests_app.agreements.signatories import Signatory
from requests_app.distribution.access import in_force
from requests_app.distribution.models import Reconsent
from requests_app.errors import Conflict
from requests_app.requests.models import AccessRequest
from tests.factories.cosigning import TEXT_FOR_ALL
from tests.factories.datasets import card_table
from tests.factories.distribution import make_link
from tests.factories.reconsents import campaign_for, long_standing
from tests.factories.review import granted
from tests.web.form_filling import beside, fields, text

pytestmark = pytest.mark.django_db

PASSWORD = "seven gulls on a pier"  # made up for these tests


@pytest.fixture(autouse=True)
def _fresh_limits():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def grant(client):
    """A grant of somebody who is signed in."""
    made = long_standing(granted())
    holder = made.applicant
    EmailAddress.objects.create(user=holder, email=holder.email, verified=True, primary=True)
    holder.set_password(PASSWORD)
    holder.save()
    client.force_login(holder)
    return made


def page(grant):
    return reverse("request_sign_anew", args=[grant.access_request_id])


def status(grant):
    return reverse("request_detail", args=[grant.access_request_id])


def sign(client, grant, **changes):
    whole = {
        "affirmations": [each.key for each in preview(grant.access_request).affirmations],
        "consent_electronic": "on",
        "typed_name": grant.access_request.legal_name,
        "password": PASSWORD,
    }
    return client.post(page(grant), fields(client.get(page(grant)).content, **(whole | changes)))


def test_without_a_campaign_there_is_nothing_to_sign(client, grant):
    assert client.get(page(grant)).headers["Location"] == status(grant)
    assert page(grant) not in client.get(status(grant)).content.decode()


def test_the_page_shows_the_new_version_filled_in_and_until_when(client, grant):
    campaign = campaign_for(grant)
    shown = text(client.get(page(grant)).content)
    assert "may look 2 times at" in shown
    assert grant.access_request.legal_name in shown
    assert f"{campaign.deadline:%-d %B %Y}" in shown
    assert "Gulls asked for it." in shown
    assert "Sign and submit" not in shown


def test_the_status_page_leads_there(client, grant):
    campaign = campaign_for(grant)
    shown = client.get(status(grant)).content.decode()
    assert f'href="{page(grant)}"' in shown
    assert f"{campaign.deadline:%-d %B %Y}" in shown


def test_a_suspended_holder_is_told_to_sign_and_signing_brings_the_downloads_back(client, grant):
    campaign_for(grant, days=-1)
    _, token = make_link(grant)
    refused = client.get(f"/d/{token}/")
    assert refused.status_code == 403
    assert "sign the new version" in refused.content.decode()
    shown = text(client.get(status(grant)).content)
    assert "suspended until you sign" in shown
    assert "New link" not in shown
    assert sign(client, grant).headers["Location"] == status(grant)
    assert in_force(grant, timezone.now())
    assert client.get(f"/d/{token}/").status_code == 200
    shown = text(client.get(status(grant)).content)
    assert "You signed the new version of the agreement" in shown
    assert "suspended" not in shown


def test_asking_for_a_link_meanwhile_leads_to_signing(client, grant):
    campaign_for(grant, days=-1)
    where = reverse("link_renew", args=[grant.pk])
    assert "suspended until you sign the new version" in text(client.get(where).content)
    told = client.post(where, follow=True)
    assert "sign the new version" in text(told.content)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"password": "wrong"}, 400),
        ({"affirmations": []}, 400),
        ({"typed_name": "Somebody Else"}, 400),
        ({"shown_sha256": "0" * 64}, 409),
    ],
)
def test_nothing_is_signed_by_half(client, grant, changes, code):
    campaign_for(grant)
    assert sign(client, grant, **changes).status_code == code
    assert not Reconsent.objects.exists()


def test_sending_it_twice_signs_once(client, grant):
    campaign_for(grant)
    sent = fields(
        client.get(page(grant)).content,
        affirmations=[each.key for each in preview(grant.access_request).affirmations],
        consent_electronic="on",
        typed_name=grant.access_request.legal_name,
        password=PASSWORD,
    )
    for _ in range(2):
        assert client.post(page(grant), sent).headers["Location"] == status(grant)
    assert Reconsent.objects.count() == 1


def wants_an_authorised_signatory(grant):
    """The dataset asks for one since the grant began, as a card that is loaded anew may."""
    dataset = grant.dataset
    dataset.card = card_table(
        slug=dataset.slug, title=dataset.title, signing={"authorised_signatory": True}
    )
    dataset.save()
    campaign_for(grant, body=TEXT_FOR_ALL)


def test_whoever_signs_for_the_institution_is_asked_for_and_nobody_is_invited_at_no_address(
    client, grant
):
    wants_an_authorised_signatory(grant)
    empty = sign(client, grant)
    assert empty.status_code == 400
    assert beside(empty.content, "signatory_name") == [
        "Name the person who may sign for your institution."
    ]
    assert not Agreement.objects.filter(text__number=2).exists()
    named = {
        "signatory_name": "Dean Skua",
        "signatory_position": "Dean",
        "signatory_email": "dean@pier.example",
    }
    assert sign(client, grant, **named).headers["Location"] == status(grant)
    [signatory] = Agreement.objects.get(text__number=2).signatories.all()
    assert (signatory.role, signatory.name, signatory.email) == (
        "institution",
        "Dean Skua",
        "dean@pier.example",
    )


def test_another_person_may_sign_for_the_institution_by_now(client, grant):
    wants_an_authorised_signatory(grant)
    AccessRequest.objects.update(
        signatory_name="Dean Skua", signatory_position="Dean", signatory_email="dean@pier.example"
    )
    assert sign(client, grant).headers["Location"] == status(grant)
    with pytest.raises(Conflict, match="then sign again and name them there"):
        remove(
            signatory_id=Signatory.objects.get().pk, by=grant.applicant, reason="The dean has left."
        )
    client.post(reverse("signing_stop", args=[grant.access_request_id]))
    cache.clear()
    sign(client, grant, signatory_name="Dean Auk", signatory_email="auk@pier.example")
    newest = Signatory.objects.get(agreement__void=None)
    assert (newest.name, newest.position, newest.email) == ("Dean Auk", "Dean", "auk@pier.example")


def test_what_changed_from_the_version_the_grant_stands_on_is_one_click_away(client, grant):
    """Two versions on, it is not what changed last but all that this holder has not signed."""
    campaign_for(grant)
    campaign_for(grant)
    old, _, new = grant.dataset.agreement_texts.order_by("number")
    where = reverse("request_changes", args=[grant.access_request_id])
    asked = client.get(page(grant)).content.decode()
    assert f'href="{where}"' in asked
    assert f"since version {old.number}" in asked
    shown = client.get(where).content.decode()
    assert f"version {new.number} is the one to sign" in shown
    assert f"<ins>{new.number}" in shown
    assert "paragraphs unchanged" in shown


def test_with_nothing_to_sign_there_are_no_changes_to_show(client, grant):
    where = reverse("request_changes", args=[grant.access_request_id])
    assert client.get(where).headers["Location"] == status(grant)
