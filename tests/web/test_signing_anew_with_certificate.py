"""A new version signed with the holder's own certificate: the same steps as for the first one."""

from http import HTTPStatus

import pytest
from django.urls import reverse
from django.utils import timezone

from requests_app.agreements import documents, own_signing
from requests_app.agreements.models import Agreement
from requests_app.agreements.own_signatures import OwnSignature
from requests_app.distribution.access import in_force
from requests_app.distribution.models import Reconsent
from requests_app.distribution.reconsents import stands_on
from requests_app.lifecycle.reconsent import take_effect
from requests_app.lifecycle.sweep import sweep
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import as_email
from requests_app.requests.states import State
from tests.factories.own_certificates import certificate, sign_pdf
from tests.factories.reconsents import campaign_for
from tests.web.form_filling import text
from tests.web.test_own_certificate import document, own, upload
from tests.web.test_signing_anew import _fresh_limits, grant, page, sign, status  # noqa: F401

pytestmark = pytest.mark.django_db


@pytest.fixture
def chosen(client, grant):  # noqa: F811 - a fixture
    """The new version that a suspended holder has begun to sign, issued to be signed."""
    campaign_for(grant, days=-1)
    assert sign(client, grant, way="certificate").url == own(grant.access_request)
    agreement = Agreement.objects.get(text__number=2)
    own_signing.issue_document(agreement_id=agreement.pk)
    return agreement


def signed(client, agreement):
    issued = client.get(document(agreement.access_request)).content
    return upload(client, agreement.access_request, sign_pdf(issued, certificate()))


def test_the_page_offers_it(client, grant):  # noqa: F811
    campaign_for(grant)
    assert 'name="way" value="certificate"' in client.get(page(grant)).text


def test_the_grant_moves_with_the_uploaded_file_and_not_before(client, grant, chosen):  # noqa: F811
    assert not Reconsent.objects.exists()
    assert not in_force(grant, timezone.now())
    assert "with the last signature, they do again" in text(client.get(status(grant)).content)
    response = signed(client, chosen)
    assert response.url == status(grant)
    take_effect(agreement_id=chosen.pk)
    assert in_force(grant, timezone.now())
    assert stands_on(grant) == chosen
    shown = text(client.get(status(grant)).content)
    assert "your grant stands on the new version" in shown
    assert "Stop this signing" not in shown
    grant.access_request.refresh_from_db()
    assert grant.access_request.state == State.APPROVED
    assert grant.access_request.collecting_since is None


def test_what_is_sealed_is_the_file_that_came_back(client, chosen):
    signed(client, chosen)
    sealed = documents.render_document(agreement_id=chosen.pk)
    assert bytes(sealed.content).startswith(bytes(OwnSignature.objects.get().content))


def test_a_lost_task_is_found_by_the_sweep(client, grant, chosen):  # noqa: F811
    signed(client, chosen)
    assert sweep()["new versions"] == 1
    take_effect(agreement_id=chosen.pk)
    assert sweep()["new versions"] == 0


def test_another_file_moves_nothing(client, grant, chosen):  # noqa: F811
    response = upload(client, chosen.access_request, b"%PDF-1.7 another")
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert "not the document that was issued" in response.text
    assert take_effect(agreement_id=chosen.pk) is None
    assert not in_force(grant, timezone.now())


def test_every_way_leads_back_to_the_upload(client, grant, chosen):  # noqa: F811
    assert client.get(page(grant)).url == own(grant.access_request)
    assert own(grant.access_request) in client.get(status(grant)).text
    told = client.get(own(grant.access_request)).text
    assert "Upload and sign" in told
    letter = as_email(Message.objects.get(name="document_issued"))
    assert "Then your grant stands on the new version." in letter.body
    assert "submitted" not in letter.body


def test_it_can_be_stopped_and_signed_on_the_page_instead(client, grant, chosen):  # noqa: F811
    stop = reverse("signing_stop", args=[grant.access_request_id])
    asked = text(client.get(stop).content)
    assert "Stop this signing?" in asked
    assert "0 people" not in asked
    client.post(stop)
    assert sign(client, grant).url == status(grant)
    assert stands_on(grant).number != chosen.number
    assert in_force(grant, timezone.now())
