"""A member leaves a running grant alone; a new version is signed by those who are left."""

from io import BytesIO

import pytest
from django.core.cache import cache
from django.utils import timezone
from pypdf import PdfReader

from requests_app.agreements import cosigning, gathering, unsealed
from requests_app.agreements.documents import countersign_document, render_document
from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution.access import in_force
from requests_app.distribution.access_tokens import create_token, revoke_token
from requests_app.distribution.models import Reconsent
from requests_app.distribution.reconsents import stands_on
from requests_app.errors import Conflict, Invalid, NotFound, Refused
from requests_app.lifecycle import reconsent, sweep
from requests_app.lifecycle.leaving import members, remove_member
from requests_app.lifecycle.revocation import revoke_grant
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import as_email
from tests.factories.cosigning import (
    TEXT_FOR_ALL,
    cosignature,
    grant_of_all,
    token_of,
)
from tests.factories.distribution import make_link
from tests.factories.reconsents import campaign_for
from tests.factories.requests import NamedPersonFactory, UserFactory, approver, reviewer
from tests.lifecycle.test_reconsent import sign as sign_anew
from tests.lifecycle.test_reconsent import standing_long

pytestmark = pytest.mark.django_db
WHY = "Left the group."
NEXT_VERSION = TEXT_FOR_ALL.replace("not feed", "feed")


@pytest.fixture(autouse=True)
def _no_codes_of_other_tests():
    cache.clear()


def test_one_member_goes_and_the_grant_and_all_others_stay():
    grant = grant_of_all("Bea Sterna", "Cy Pluvialis")
    judge = approver(grant.dataset)
    bea, cy = members(grant.access_request)
    link, _ = make_link(grant)
    remove_member(signatory_id=bea.pk, by=grant.applicant, reason=WHY)
    assert members(grant.access_request) == [cy]
    assert in_force(grant, timezone.now())
    entry = Entry.objects.get(kind=kinds.MEMBER_REMOVED)
    assert (entry.actor, entry.subject) == (grant.applicant.audit_ref, bea.audit_ref)
    assert entry.trail == grant.access_request.audit_trail
    sent = {
        (message.name, message.recipient)
        for message in Message.objects.filter(name__startswith="member_removed")
    }
    assert sent == {
        ("member_removed", bea.email),
        ("member_removed_notice", grant.applicant.email),
        ("member_removed_notice", judge.email),
    }
    letter = as_email(Message.objects.get(name="member_removed"))
    assert WHY in letter.body
    link.refresh_from_db()
    assert link.revoked_at is not None
    assert grant.links.filter(revoked_at=None).count() == 1


def test_an_approver_may_and_nobody_else():
    grant = grant_of_all("Bea Sterna")
    [bea] = members(grant.access_request)
    for stranger in (UserFactory(), reviewer(grant.dataset), approver()):
        with pytest.raises(Refused):
            remove_member(signatory_id=bea.pk, by=stranger, reason=WHY)
    with pytest.raises(Invalid):
        remove_member(signatory_id=bea.pk, by=approver(grant.dataset), reason=" ")
    remove_member(signatory_id=bea.pk, by=approver(grant.dataset), reason=WHY)
    with pytest.raises(Conflict):
        remove_member(signatory_id=bea.pk, by=grant.applicant, reason=WHY)


def test_there_is_nobody_to_remove_where_no_grant_runs():
    grant = grant_of_all("Bea Sterna")
    [bea] = members(grant.access_request)
    grant.revoked_at = timezone.now()
    grant.save()
    with pytest.raises(Conflict):
        remove_member(signatory_id=bea.pk, by=grant.applicant, reason=WHY)
    with pytest.raises(NotFound):
        remove_member(signatory_id=grant.pk, by=grant.applicant, reason=WHY)
    assert members(grant.access_request) == []


def test_a_new_version_is_asked_of_those_who_are_left_and_takes_effect_with_the_last():
    grant = grant_of_all("Bea Sterna", "Cy Pluvialis")
    bea, _ = members(grant.access_request)
    remove_member(signatory_id=bea.pk, by=grant.applicant, reason=WHY)
    campaign_for(grant, days=-1, body=NEXT_VERSION)
    assert not in_force(grant, timezone.now())

    agreement = sign_anew(grant)
    [cy] = agreement.signatories.all()
    assert (cy.name, agreement.values["named_people"][0]["name"]) == ("Cy Pluvialis",) * 2
    assert not reconsent.may_sign_anew(grant)
    assert not in_force(grant, timezone.now()), "until the last has signed"
    assert stands_on(grant) == grant.agreement

    cosigning.cosign(**cosignature(cy))
    assert reconsent.signed_and_waiting().get() == agreement
    reconsent.take_effect(agreement_id=agreement.pk)
    assert reconsent.take_effect(agreement_id=agreement.pk) is None
    assert Reconsent.objects.get().agreement == stands_on(grant) == agreement
    assert in_force(grant, timezone.now())
    assert [each.name for each in members(grant.access_request)] == ["Cy Pluvialis"]
    assert Entry.objects.get(kind=kinds.GRANT_MOVED).details["agreement"] == agreement.number
    grant.access_request.refresh_from_db()
    assert (grant.access_request.state, grant.access_request.collecting_since) == ("approved", None)


def test_who_never_signed_a_version_is_taken_out_of_the_first_that_asks_them():
    grant = standing_long()
    NamedPersonFactory(access_request=grant.access_request, name="Bea Sterna")
    campaign_for(grant, body=TEXT_FOR_ALL)  # the version in force asked nobody but the applicant
    agreement = sign_anew(grant)
    [bea] = agreement.signatories.all()
    assert members(grant.access_request) == []
    gathering.remove(signatory_id=bea.pk, by=grant.applicant, reason=WHY)
    assert reconsent.signed_and_waiting().get() == agreement
    assert not grant.access_request.named_people.exists()


def test_the_sweep_finds_a_new_version_whose_task_was_lost(django_capture_on_commit_callbacks):
    grant = grant_of_all("Bea Sterna")
    campaign_for(grant, days=-1, body=NEXT_VERSION)
    cosigning.cosign(**cosignature(sign_anew(grant).signatories.get()))
    with django_capture_on_commit_callbacks(execute=True):
        assert sweep.sweep()["new versions"] == 1
    assert in_force(grant, timezone.now())


def test_those_who_signed_get_their_copies():
    grant = grant_of_all("Bea Sterna")
    render_document(agreement_id=grant.agreement_id)
    countersign_document(agreement_id=grant.agreement_id)
    copies = Message.objects.filter(name="agreement_cosigned", recipient="bea@harbour.example")
    bodies = [as_email(message) for message in copies.order_by("created_at")]
    assert [len(message.attachments) for message in bodies] == [1, 1]


def test_who_left_is_not_waited_for_in_the_new_version_being_signed():
    grant = grant_of_all("Bea Sterna", "Cy Pluvialis")
    bea, _ = members(grant.access_request)
    campaign_for(grant, days=-1, body=NEXT_VERSION)
    agreement = sign_anew(grant)
    new_bea, new_cy = agreement.signatories.all()
    with pytest.raises(Conflict, match="from the grant"):
        gathering.remove(signatory_id=new_bea.pk, by=grant.applicant, reason=WHY)
    cosigning.cosign(**cosignature(new_cy))
    remove_member(signatory_id=bea.pk, by=grant.applicant, reason=WHY)
    reconsent.take_effect(agreement_id=agreement.pk)
    assert [each.name for each in members(grant.access_request)] == ["Cy Pluvialis"]
    assert in_force(grant, timezone.now())


def test_whom_an_approver_removed_was_not_removed_by_the_applicant():
    grant = grant_of_all("Bea Sterna")
    [bea] = members(grant.access_request)
    campaign_for(grant, body=NEXT_VERSION)
    agreement = sign_anew(grant)
    asked = agreement.signatories.get()
    remove_member(signatory_id=bea.pk, by=approver(grant.dataset), reason=WHY)
    told = cosigning.obstacle(asked.invitations.get())
    assert "name was taken out" in told
    assert agreement.values["applicant_name"] not in told
    document = unsealed.render(agreement, None)
    text = " ".join(page.extract_text() for page in PdfReader(BytesIO(document)).pages)
    [line] = [line for line in text.splitlines() if "Bea Sterna was removed" in line]
    assert "Applicant" not in line


def test_with_a_revoked_grant_the_signing_of_a_new_version_ends():
    grant = grant_of_all("Bea Sterna")
    campaign_for(grant, days=-1, body=NEXT_VERSION)
    agreement = sign_anew(grant)
    token = token_of(agreement.signatories.get())
    revoke_grant(
        access_request_id=grant.access_request_id,
        grant_id=grant.pk,
        by=approver(grant.dataset),
        reason=WHY,
    )
    with pytest.raises(Conflict, match="has ended"):
        cosigning.send_code(token=token)
    grant.access_request.refresh_from_db()
    assert grant.access_request.collecting_since is None


def test_the_access_tokens_that_the_member_may_know_stop_working_and_the_holder_is_told():
    grant = grant_of_all("Bea Sterna")
    judge = approver(grant.dataset)
    by = grant.applicant
    for name in ("a", "b", "c"):
        create_token(grant_id=grant.pk, name=name, by=by)
    revoke_token(token_id=grant.access_tokens.get(name="c").pk, by=by)
    [bea] = members(grant.access_request)
    remove_member(signatory_id=bea.pk, by=judge, reason=WHY)
    assert not grant.access_tokens.filter(revoked_at=None).exists()
    assert Entry.objects.filter(kind=kinds.TOKEN_REVOKED, actor=judge.audit_ref).count() == 2
    told = {
        message.recipient: "access tokens were revoked" in as_email(message).body
        for message in Message.objects.filter(name="member_removed_notice")
    }
    assert told == {by.email: True, judge.email: False}
