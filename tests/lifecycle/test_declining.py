import pytest

from requests_app.agreements.models import Agreement
from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.errors import Conflict, Invalid, Refused
from requests_app.lifecycle.declining import Why, decline
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import as_email
from requests_app.requests.states import TRANSITIONS, State, Verb
from tests.factories.agreements import ready_request
from tests.factories.requests import UserFactory, approver, staff
from tests.factories.review import put, submitted

pytestmark = pytest.mark.django_db


def say_no(access_request, why=Why.TERMS, reason="Clause 1.1 is too kind."):
    return decline(
        access_request_id=access_request.pk, by=access_request.applicant, why=why, reason=reason
    )


def returned():
    return put(submitted(), State.RETURNED)


@pytest.mark.parametrize("state", State)
def test_every_state_allows_what_the_table_says(state):
    access_request = put(ready_request(), state)
    if state in TRANSITIONS[Verb.DECLINE]:
        say_no(access_request)
        state = State.WITHDRAWN
    else:
        with pytest.raises(Conflict):
            say_no(access_request)
    access_request.refresh_from_db()
    assert access_request.state == state


def test_declining_keeps_the_reason_and_the_text_that_was_declined():
    access_request = ready_request()
    text = access_request.dataset.agreement_texts.get()
    say_no(access_request)
    entry = Entry.objects.get(kind=kinds.AGREEMENT_DECLINED)
    assert entry.details == {
        "from": "draft",
        "to": "withdrawn",
        "text_number": 1,
        "text_sha256": text.sha256,
        "why": "terms",
    }
    assert entry.personal_values.get(field="reason").value == "Clause 1.1 is too kind."
    assert not Agreement.objects.exists()


def test_the_receipt_names_the_reason_and_the_way_to_sign_on_paper():
    access_request = ready_request()
    say_no(access_request, why=Why.PAPER)
    receipt = as_email(Message.objects.get(recipient=access_request.applicant.email))
    assert Why.PAPER.label in receipt.body
    assert "Clause 1.1 is too kind." in receipt.body
    assert access_request.dataset.card["contact"]["email"] in receipt.body


def test_maintainers_hear_of_it_when_the_request_was_before_them():
    access_request = returned()
    judge, retired = approver(access_request.dataset), staff(maintains=access_request.dataset)
    say_no(access_request)
    notice = as_email(Message.objects.get(recipient=judge.email))
    assert "Clause 1.1 is too kind." in notice.body
    assert f"/admin/requests_app/accessrequest/{access_request.pk}/change/" in notice.body
    assert not Message.objects.filter(recipient=retired.email).exists()


def test_nobody_hears_of_a_draft():
    access_request = ready_request()
    approver(access_request.dataset)
    say_no(access_request)
    assert [m.recipient for m in Message.objects.all()] == [access_request.applicant.email]


@pytest.mark.parametrize(
    ("why", "reason", "field"),
    [("", "", "why"), ("bored", "", "why"), ("terms", "x" * 4001, "reason")],
)
def test_what_cannot_be_kept_is_refused(why, reason, field):
    access_request = ready_request()
    with pytest.raises(Invalid) as raised:
        say_no(access_request, why=why, reason=reason)
    assert list(raised.value.fields) == [field]
    access_request.refresh_from_db()
    assert access_request.state == State.DRAFT
    assert not Message.objects.exists()


def test_only_the_applicant_declines():
    access_request = returned()
    for by in (UserFactory(), approver(access_request.dataset)):
        with pytest.raises(Refused):
            decline(access_request_id=access_request.pk, by=by, why=Why.TERMS)
