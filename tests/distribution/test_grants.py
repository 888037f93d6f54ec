"""Creating and revoking grants."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution import grants
from requests_app.distribution.models import DownloadLink, Grant, GrantState
from requests_app.errors import Conflict, Invalid, NotFound, Refused
from tests.factories.distribution import AgreementFactory, GrantFactory, make_link
from tests.factories.requests import DatasetFactory, UserFactory, approver

pytestmark = pytest.mark.django_db


@pytest.fixture
def agreement():
    return AgreementFactory()


def test_a_grant_lasts_for_the_set_term(agreement, settings):
    settings.GRANT_DAYS = 30
    grant = grants.create_grant(agreement=agreement, by=approver())
    assert grant.state() is GrantState.ACTIVE
    assert grant.ends_at - grant.starts_at == timedelta(days=30)
    assert grant.applicant == agreement.access_request.applicant
    assert grant.dataset == agreement.access_request.dataset


def test_a_grant_writes_one_entry_in_the_story_of_its_request(agreement):
    decider = approver()
    grant = grants.create_grant(agreement=agreement, by=decider)
    entry = Entry.objects.get(kind=kinds.GRANT_CREATED)
    assert (entry.actor, entry.subject) == (decider.audit_ref, grant.audit_ref)
    assert entry.trail == agreement.access_request.audit_ref
    assert entry.details["agreement"] == agreement.number


def test_the_first_link_is_sent_once_the_grant_is_committed(
    agreement, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        grant = grants.create_grant(agreement=agreement, by=approver())
        assert not grant.links.exists()
    assert grant.links.count() == 1


def test_an_agreement_has_one_grant(agreement):
    grants.create_grant(agreement=agreement, by=approver())
    with pytest.raises(Conflict, match="already"):
        grants.create_grant(agreement=agreement, by=approver())
    assert Grant.objects.count() == 1


def test_a_grant_without_entry_does_not_exist(agreement, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("no entry")

    monkeypatch.setattr("requests_app.audit.log.record", broken)
    with pytest.raises(RuntimeError), transaction.atomic():
        grants.create_grant(agreement=agreement, by=approver())
    assert not Grant.objects.exists()


def test_an_approver_of_the_dataset_revokes(settings):
    grant = GrantFactory()
    decider = approver(grant.dataset)
    revoked = grants.revoke_grant(grant_id=grant.pk, by=decider, reason=" Passed on. ")
    assert revoked.state() is GrantState.REVOKED
    assert revoked.revoked_reason == "Passed on."
    entry = Entry.objects.get(kind=kinds.GRANT_REVOKED)
    assert (entry.subject, entry.details) == (grant.audit_ref, {})
    assert set(entry.commitments) == {"reason"}


def test_an_approver_of_another_dataset_does_not_revoke():
    grant = GrantFactory()
    for by in (approver(DatasetFactory()), grant.applicant, UserFactory(is_staff=True)):
        with pytest.raises(Refused):
            grants.revoke_grant(grant_id=grant.pk, by=by, reason="Mine.")
    grant.refresh_from_db()
    assert grant.state() is GrantState.ACTIVE


def test_a_revocation_needs_a_reason_and_an_active_grant():
    grant = GrantFactory()
    decider = approver(grant.dataset)
    with pytest.raises(Invalid):
        grants.revoke_grant(grant_id=grant.pk, by=decider, reason=" ")
    grants.revoke_grant(grant_id=grant.pk, by=decider, reason="First.")
    with pytest.raises(Conflict, match="revoked already"):
        grants.revoke_grant(grant_id=grant.pk, by=decider, reason="Second.")
    assert Entry.objects.filter(kind=kinds.GRANT_REVOKED).count() == 1
    link, _ = make_link()
    with pytest.raises(NotFound):
        grants.revoke_grant(grant_id=link.pk, by=decider, reason="No such grant.")


def test_giving_up_ends_the_active_grants_of_one_request():
    grant, other = GrantFactory(), GrantFactory()
    past = timezone.now() - timedelta(hours=1)
    over = GrantFactory(
        agreement=AgreementFactory(access_request=grant.access_request), ends_at=past
    )
    ended = grants.give_up_grants(access_request=grant.access_request, by=grant.applicant)
    assert ended == [grant]
    states = [g.state() for g in Grant.objects.filter(pk__in=[grant.pk, other.pk, over.pk])]
    assert sorted(states) == [GrantState.ACTIVE, GrantState.EXPIRED, GrantState.REVOKED]
    assert Entry.objects.get(kind=kinds.GRANT_GIVEN_UP).subject == grant.audit_ref


def test_evidence_is_not_deleted_with_the_person():
    link, _ = make_link()
    with pytest.raises(Exception, match=r"protected|restricted|referenced"):
        link.grant.applicant.delete()
    assert DownloadLink.objects.filter(pk=link.pk).exists()
