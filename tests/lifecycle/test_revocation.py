import pytest

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution.models import GrantState
from requests_app.errors import Conflict, Invalid, NotFound, Refused
from requests_app.lifecycle.revocation import revoke_grant
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import as_email
from tests.factories.requests import approver, auditor, reviewer, superuser
from tests.factories.review import granted

pytestmark = pytest.mark.django_db


def revoke(grant, by, reason="Clips were found elsewhere.", under=None):
    return revoke_grant(
        access_request_id=(under or grant).access_request_id,
        grant_id=grant.pk,
        by=by,
        reason=reason,
    )


def still_active(grant):
    grant.refresh_from_db()
    return grant.state() is GrantState.ACTIVE and not Message.objects.exists()


def test_revoking_ends_the_grant_at_once_and_tells_the_holder_why():
    grant = granted()
    revoke(grant, approver(grant.dataset))
    grant.refresh_from_db()
    assert grant.state() is GrantState.REVOKED
    email = as_email(Message.objects.get())
    assert email.to == [grant.applicant.email]
    assert "Clips were found elsewhere." in email.body
    assert "delete every copy" in email.body
    assert Entry.objects.filter(kind=kinds.GRANT_REVOKED, subject=grant.audit_ref).count() == 1


def test_an_approver_of_one_dataset_cannot_revoke_a_grant_of_another_by_its_id():
    mine, other = granted(), granted()
    by = approver(mine.dataset)
    with pytest.raises(NotFound):
        revoke(other, by, under=mine)
    with pytest.raises(Refused):
        revoke(other, by)
    assert still_active(other)


@pytest.mark.parametrize("make", [reviewer, lambda d: auditor(), lambda d: superuser()])
def test_only_approvers_of_the_dataset_revoke(make):
    grant = granted()
    with pytest.raises(Refused):
        revoke(grant, make(grant.dataset))
    assert still_active(grant)


@pytest.mark.parametrize("reason", ["", " \n", "x" * 4001])
def test_a_reason_is_required(reason):
    grant = granted()
    with pytest.raises(Invalid) as raised:
        revoke(grant, approver(grant.dataset), reason=reason)
    assert list(raised.value.fields) == ["reason"]
    assert still_active(grant)


def test_revoking_twice_is_told_and_changes_nothing():
    grant = granted()
    by = approver(grant.dataset)
    revoke(grant, by)
    with pytest.raises(Conflict):
        revoke(grant, by, reason="Again.")
    grant.refresh_from_db()
    assert grant.revoked_reason == "Clips were found elsewhere."
    assert Message.objects.count() == 1
