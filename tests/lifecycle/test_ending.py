"""A new version that is being signed ends with the grant, also when the grant just runs out."""

from datetime import timedelta

import pytest
import time_machine
from celery import current_app
from django.core.cache import cache
from django.utils import timezone

from requests_app.agreements import cosigning
from requests_app.agreements.documents import waiting
from requests_app.agreements.inviting import open_invitation
from requests_app.agreements.signatories import AgreementVoid
from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.errors import Conflict
from requests_app.lifecycle import reconsent, sweep
from requests_app.lifecycle.ending import end_signing, left_over
from requests_app.lifecycle.revocation import revoke_grant
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import as_email
from requests_app.web.invitation_standing import standing
from tests.factories.cosigning import cosignature, token_of
from tests.factories.reconsents import campaign_for
from tests.factories.requests import approver
from tests.lifecycle.test_leaving import NEXT_VERSION, grant_of_all
from tests.lifecycle.test_reconsent import sign as sign_anew

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_codes_of_other_tests():
    cache.clear()


@pytest.fixture
def grant():
    """A grant whose holder and Bea have signed a new version; Cy has yet to."""
    made = grant_of_all("Bea Sterna", "Cy Pluvialis")
    campaign_for(made, days=20, body=NEXT_VERSION)
    agreement = sign_anew(made)
    cosigning.cosign(**cosignature(agreement.signatories.get(name="Bea Sterna")))
    return made


def let_run_out(grant):
    grant.ends_at = timezone.now() - timedelta(seconds=1)
    grant.save(update_fields=["ends_at"])


def test_it_goes_on_as_long_as_the_grant_runs(grant):
    assert not left_over().exists()
    assert end_signing(access_request_id=grant.access_request_id) is None
    with time_machine.travel(grant.ends_at - timedelta(seconds=1), tick=False):
        assert not left_over().exists()


def test_the_sweep_ends_it_with_the_grant_and_everybody_is_told_once(grant):
    agreement = reconsent._anew().get()
    cy = agreement.signatories.get(name="Cy Pluvialis")
    token = token_of(cy)
    let_run_out(grant)
    for found in (1, 0):
        assert sweep.sweep()["signings of grants that ended"] == found
        current_app.tasks["lifecycle.end_signing"](access_request_id=str(grant.access_request_id))
    assert end_signing(access_request_id=grant.access_request_id) is None
    with pytest.raises(Conflict, match="The grant that you were asked to sign for has ended"):
        cosigning.send_code(token=token)
    told = standing(open_invitation(token))
    assert (told.status, told.heading) == (410, "This invitation does not open any more")
    ended = AgreementVoid.objects.get()
    assert (ended.agreement, ended.why, ended.by) == (agreement, "ended", None)
    grant.access_request.refresh_from_db()
    assert grant.access_request.collecting_since is None
    assert not waiting().filter(pk=agreement.pk).exists()
    assert not reconsent.signed_and_waiting().exists()
    entry = Entry.objects.get(kind=kinds.SIGNING_ENDED)
    assert (entry.actor, entry.details) == ("system", {"agreement": agreement.number})
    assert entry.trail == grant.access_request.audit_trail
    letters = Message.objects.filter(name__in=("signing_ended", "invitation_closed"))
    to = {message.recipient: as_email(message) for message in letters}
    assert len(letters) == len(to) == 3
    assert set(to) == {"bea@harbour.example", "cy@harbour.example", grant.applicant.email}
    assert f"{agreement.number} does not come into force" in to[grant.applicant.email].body
    assert "what you signed has no effect" in to["bea@harbour.example"].body
    assert "You are not asked to any more" in to["cy@harbour.example"].body
    name = agreement.values["applicant_name"]
    assert all(
        f"The grant of {name} has ended." in to[each].body
        for each in ("bea@harbour.example", "cy@harbour.example")
    )


def test_what_all_have_signed_in_time_is_left_alone(grant):
    agreement = reconsent._anew().get()
    cosigning.cosign(**cosignature(agreement.signatories.get(name="Cy Pluvialis")))
    let_run_out(grant)
    assert not left_over().exists()
    assert end_signing(access_request_id=grant.access_request_id) is None
    assert not AgreementVoid.objects.exists()


def test_after_a_revocation_nothing_is_left_to_end(grant):
    revoke_grant(
        access_request_id=grant.access_request_id,
        grant_id=grant.pk,
        by=approver(grant.dataset),
        reason="Gulls were fed.",
    )
    assert not left_over().exists()
    closed = Message.objects.filter(name="invitation_closed")
    assert {message.recipient for message in closed} == {
        "bea@harbour.example",
        "cy@harbour.example",
    }
    name = grant.agreement.values["applicant_name"]
    assert all(f"The grant of {name} has ended." in as_email(each).body for each in closed)


def test_no_such_request_is_nothing_to_end():
    assert end_signing(access_request_id="00000000-0000-0000-0000-000000000000") is None
