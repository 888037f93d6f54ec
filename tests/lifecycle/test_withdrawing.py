from threading import Barrier, Thread

import pytest
from django.db import connection

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution.models import GrantState
from requests_app.errors import Conflict, Invalid, Refused
from requests_app.lifecycle.withdrawing import withdraw
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import as_email
from requests_app.requests.states import TRANSITIONS, State, Verb
from requests_app.review.decisions import approve
from tests.factories.file_database import file_database
from tests.factories.requests import AccessRequestFactory, UserFactory, approver, staff
from tests.factories.review import granted, put, submitted

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", State)
def test_every_state_allows_what_the_table_says(state):
    access_request = put(AccessRequestFactory(), state)
    if state in TRANSITIONS[Verb.WITHDRAW]:
        withdraw(access_request_id=access_request.pk, by=access_request.applicant)
        state = State.WITHDRAWN
    else:
        with pytest.raises(Conflict):
            withdraw(access_request_id=access_request.pk, by=access_request.applicant)
    access_request.refresh_from_db()
    assert access_request.state == state


def test_withdrawing_writes_one_entry_and_a_receipt():
    access_request = submitted()
    withdraw(access_request_id=access_request.pk, by=access_request.applicant, reason="No funds.")
    entry = Entry.objects.get(kind=kinds.REQUEST_WITHDRAWN)
    assert entry.details == {"from": "submitted", "to": "withdrawn"}
    assert entry.personal_values.get(field="reason").value == "No funds."
    receipt = Message.objects.get(recipient=access_request.applicant.email)
    assert "delete every copy" not in as_email(receipt).body


def test_maintainers_hear_of_it_when_the_request_was_before_them():
    access_request = submitted()
    judge = approver(access_request.dataset)
    retired = staff(maintains=access_request.dataset)
    withdraw(access_request_id=access_request.pk, by=access_request.applicant, reason="No funds.")
    notice = as_email(Message.objects.get(recipient=judge.email))
    assert not Message.objects.filter(recipient=retired.email).exists()
    assert "No funds." in notice.body
    assert f"/admin/requests_app/accessrequest/{access_request.pk}/change/" in notice.body


def test_nobody_hears_of_a_draft():
    access_request = AccessRequestFactory()
    approver(access_request.dataset)
    withdraw(access_request_id=access_request.pk, by=access_request.applicant)
    assert [m.recipient for m in Message.objects.all()] == [access_request.applicant.email]


def test_withdrawing_an_approved_request_ends_its_grant_in_the_same_moment():
    grant, other = granted(), granted()
    withdraw(access_request_id=grant.access_request_id, by=grant.applicant)
    grant.refresh_from_db()
    other.refresh_from_db()
    assert grant.state() is GrantState.REVOKED
    assert other.state() is GrantState.ACTIVE
    entry = Entry.objects.get(kind=kinds.GRANT_GIVEN_UP)
    assert (entry.actor, entry.subject) == (grant.applicant.audit_ref, grant.audit_ref)
    receipt = Message.objects.get(recipient=grant.applicant.email)
    assert "delete every copy" in as_email(receipt).body


def test_only_the_applicant_withdraws():
    access_request = submitted()
    for by in (UserFactory(), approver(access_request.dataset)):
        with pytest.raises(Refused):
            withdraw(access_request_id=access_request.pk, by=by)
    access_request.refresh_from_db()
    assert access_request.state == State.SUBMITTED
    assert not Message.objects.exists()


def test_a_reason_that_cannot_be_kept_is_refused():
    access_request = submitted()
    with pytest.raises(Invalid):
        withdraw(
            access_request_id=access_request.pk, by=access_request.applicant, reason="x" * 4001
        )
    access_request.refresh_from_db()
    assert access_request.state == State.SUBMITTED


@pytest.mark.django_db(transaction=True)
def test_withdrawing_while_an_approver_approves_leaves_no_grant_in_force(tmp_path, monkeypatch):
    monkeypatch.setattr("requests_app.queue._send", lambda name, ids: None)
    with file_database(tmp_path):
        access_request = submitted()
        agreement, judge = access_request.agreements.get(), approver(access_request.dataset)
        start, refused = Barrier(2), []

        def at_once(act, **arguments):
            try:
                start.wait(timeout=10)
                act(access_request_id=access_request.pk, **arguments)
            except Conflict:
                refused.append(act)
            finally:
                connection.close()

        threads = [
            Thread(target=at_once, args=(withdraw,), kwargs={"by": access_request.applicant}),
            Thread(
                target=at_once,
                args=(approve,),
                kwargs={"agreement_id": agreement.pk, "by": judge, "reason": "Fine."},
            ),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        access_request.refresh_from_db()
        assert access_request.state == State.WITHDRAWN
        assert refused in ([], [approve])
        assert not [g for g in access_request.grants.all() if g.state() is GrantState.ACTIVE]
