from threading import Barrier, Thread

import pytest
from django.db import connection

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution.models import Grant
from requests_app.errors import Conflict, Invalid, NotFound, PortalError, Refused
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import as_email
from requests_app.requests.states import TRANSITIONS, State, Verb
from requests_app.review import decisions
from requests_app.review.models import DECISIONS, Decision
from tests.factories.file_database import file_database
from tests.factories.requests import UserFactory, approver, auditor, reviewer, superuser
from tests.factories.review import put, sign, submitted

pytestmark = pytest.mark.django_db

VERBS = {
    Verb.APPROVE: decisions.approve,
    Verb.RETURN: decisions.return_for_changes,
    Verb.REJECT: decisions.reject,
}
every_verb = pytest.mark.parametrize("verb", DECISIONS)


def decide(verb, access_request, by, *, agreement=None, reason="Good plan.", private_note=""):
    agreement = agreement or access_request.agreements.first()
    return VERBS[verb](
        access_request_id=access_request.pk,
        agreement_id=str(agreement.pk),
        by=by,
        reason=reason,
        private_note=private_note,
    )


def entries(access_request, kind):
    return Entry.objects.filter(trail=access_request.audit_trail, kind=kind)


@every_verb
def test_a_decision_moves_the_request_and_keeps_who_and_why(verb):
    access_request = submitted()
    by = approver(access_request.dataset)
    decision = decide(verb, access_request, by, reason=" Good\r\nplan. ", private_note="Ask Bo.")
    access_request.refresh_from_db()
    assert access_request.state == TRANSITIONS[verb][State.SUBMITTED]
    assert (decision.verb, decision.reason, decision.private_note, decision.by) == (
        verb,
        "Good\nplan.",
        "Ask Bo.",
        by,
    )
    assert decision.agreement == access_request.agreements.get()


@every_verb
def test_a_decision_writes_one_entry_with_reason_and_note(verb):
    access_request = submitted()
    by = approver(access_request.dataset)
    decide(verb, access_request, by, private_note="Ask Bo.")
    entry = Entry.objects.get(trail=access_request.audit_trail, kind__startswith="approver:")
    assert entry.actor == by.audit_ref
    assert entry.details["agreement"] == access_request.agreements.get().number
    personal = {item.field: item.value for item in entry.personal_values.all()}
    assert personal == {"reason": "Good plan.", "private_note": "Ask Bo."}


@every_verb
def test_the_applicant_reads_the_reason_and_never_the_note(verb):
    access_request = submitted(research_title="Gulls & <b>moods</b>")
    decide(
        verb,
        access_request,
        approver(access_request.dataset),
        reason="Fine & <i>good</i>.",
        private_note="Ask Bo.",
    )
    email = as_email(Message.objects.get())
    html = email.alternatives[0].content
    assert email.to == [access_request.applicant.email]
    assert "Fine & <i>good</i>." in email.body
    assert "Fine &amp; &lt;i&gt;good&lt;/i&gt;." in html
    assert "Gulls &amp; &lt;b&gt;moods&lt;/b&gt;" in html
    for part in (email.subject, email.body, html):
        assert "Ask Bo." not in part
    assert f"/requests/{access_request.pk}/" in email.body


def test_approving_creates_one_grant_under_the_agreement_that_was_read():
    access_request = submitted()
    decide(Verb.APPROVE, access_request, approver(access_request.dataset))
    grant = Grant.objects.get()
    assert grant.agreement == access_request.agreements.get()
    assert grant.applicant == access_request.applicant
    assert entries(access_request, kinds.GRANT_CREATED).count() == 1


@pytest.mark.parametrize("verb", [Verb.RETURN, Verb.REJECT])
def test_only_approval_grants(verb):
    access_request = submitted()
    decide(verb, access_request, approver(access_request.dataset))
    assert not Grant.objects.exists()


@every_verb
@pytest.mark.parametrize("reason", ["", "  \r\n ", "\u200b\u00a0", "x" * 4001, "a\x00b"])
def test_a_reason_is_required_and_must_be_text(verb, reason):
    access_request = submitted()
    with pytest.raises(Invalid) as raised:
        decide(verb, access_request, approver(access_request.dataset), reason=reason)
    assert list(raised.value.fields) == ["reason"]
    assert nothing_happened(access_request)


def nothing_happened(access_request, state=State.SUBMITTED):
    access_request.refresh_from_db()
    return (
        access_request.state == state
        and not Decision.objects.exists()
        and not Grant.objects.exists()
        and not Message.objects.exists()
        and not Entry.objects.filter(kind__startswith="approver:").exists()
    )


@every_verb
def test_a_note_that_cannot_be_kept_is_refused_beside_its_field(verb):
    access_request = submitted()
    with pytest.raises(Invalid) as raised:
        decide(verb, access_request, approver(access_request.dataset), private_note="x" * 4001)
    assert list(raised.value.fields) == ["private_note"]
    assert nothing_happened(access_request)


def superuser_of(dataset):
    user = superuser()
    dataset.maintainers.add(user)
    return user


def applicant_as_approver(access_request):
    judge = approver(access_request.dataset)
    access_request.applicant = judge
    access_request.save()
    return judge


STRANGERS = {
    "a stranger": lambda r: UserFactory(),
    "a reviewer": lambda r: reviewer(r.dataset),
    "an auditor": lambda r: auditor(),
    "a superuser": lambda r: superuser(),
    "a superuser who maintains the dataset": lambda r: superuser_of(r.dataset),
    "an approver of another dataset": lambda r: approver(submitted().dataset),
    "an approver who left": lambda r: approver(r.dataset, is_active=False),
    "the applicant": applicant_as_approver,
}


@every_verb
@pytest.mark.parametrize("who", STRANGERS)
def test_nobody_else_decides(verb, who):
    access_request = submitted()
    by = STRANGERS[who](access_request)
    with pytest.raises(Refused):
        decide(verb, access_request, by)
    assert nothing_happened(access_request)


MATRIX = [(verb, state) for verb in DECISIONS for state in State]


@pytest.mark.parametrize(("verb", "state"), MATRIX)
def test_every_state_allows_what_the_table_says(verb, state):
    access_request = submitted()
    put(access_request, state)
    by = approver(access_request.dataset)
    if state in TRANSITIONS[verb]:
        decide(verb, access_request, by)
        access_request.refresh_from_db()
        assert access_request.state == TRANSITIONS[verb][state]
    else:
        with pytest.raises(Conflict):
            decide(verb, access_request, by)
        assert nothing_happened(access_request, state)


def test_a_request_that_does_not_exist_is_not_found():
    access_request = submitted()
    agreement = access_request.agreements.get()
    with pytest.raises(NotFound):
        decisions.approve(
            access_request_id=agreement.pk,
            agreement_id=agreement.pk,
            by=approver(access_request.dataset),
            reason="Yes.",
        )


@every_verb
def test_an_agreement_signed_meanwhile_must_be_read_first(verb):
    access_request = submitted()
    read = access_request.agreements.get()
    sign(access_request)
    with pytest.raises(Conflict, match="newer agreement"):
        decide(verb, access_request, approver(access_request.dataset), agreement=read)
    assert nothing_happened(access_request)


def test_an_agreement_of_another_request_is_refused():
    access_request, other = submitted(), submitted()
    with pytest.raises(Conflict):
        decide(
            Verb.APPROVE,
            access_request,
            approver(access_request.dataset),
            agreement=other.agreements.get(),
        )
    assert nothing_happened(access_request)


def test_an_agreement_without_its_pdf_cannot_be_approved_but_returned():
    access_request = submitted(rendered=False)
    by = approver(access_request.dataset)
    with pytest.raises(Conflict, match="still being made"):
        decide(Verb.APPROVE, access_request, by)
    assert nothing_happened(access_request)
    decide(Verb.RETURN, access_request, by)


def test_who_comes_second_is_told_who_was_first():
    access_request = submitted()
    first, second = (
        approver(access_request.dataset, full_name="Ada"),
        approver(access_request.dataset),
    )
    decide(Verb.REJECT, access_request, first)
    with pytest.raises(Conflict, match=r"Ada has decided this request already.*Rejected"):
        decide(Verb.APPROVE, access_request, second)
    with pytest.raises(Conflict, match="You have decided this request already"):
        decide(Verb.REJECT, access_request, first)
    assert Decision.objects.count() == 1


def test_an_old_decision_is_not_blamed_for_a_withdrawal():
    access_request = submitted()
    decide(Verb.RETURN, access_request, approver(access_request.dataset, full_name="Ada"))
    put(access_request, State.WITHDRAWN)
    with pytest.raises(Conflict) as raised:
        decide(Verb.APPROVE, access_request, approver(access_request.dataset))
    assert "Ada" not in raised.value.message
    assert "Withdrawn" in raised.value.message


def test_an_entry_that_cannot_be_written_stops_the_decision(monkeypatch):
    access_request = submitted()

    def broken(*args, **kwargs):
        raise RuntimeError("the log is full")

    monkeypatch.setattr("requests_app.audit.log.record", broken)
    with pytest.raises(RuntimeError):
        decide(Verb.REJECT, access_request, approver(access_request.dataset))
    assert nothing_happened(access_request)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verbs", [(Verb.APPROVE, Verb.APPROVE), (Verb.APPROVE, Verb.REJECT)])
def test_of_two_approvers_at_once_one_decides_and_the_other_is_told(tmp_path, monkeypatch, verbs):
    monkeypatch.setattr("requests_app.queue._send", lambda name, ids: None)
    with file_database(tmp_path):
        access_request = submitted()
        judges = [approver(access_request.dataset) for _ in verbs]
        start, outcomes = Barrier(len(verbs)), []

        def press(verb, by):
            try:
                start.wait(timeout=10)
                decide(verb, access_request, by)
                outcomes.append("decided")
            except PortalError as error:
                outcomes.append(type(error).__name__)
            finally:
                connection.close()

        threads = [Thread(target=press, args=pair) for pair in zip(verbs, judges, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert sorted(outcomes) == ["Conflict", "decided"]
        assert Decision.objects.count() == 1
        assert Message.objects.filter(name__startswith="request_").count() == 1
        assert Entry.objects.filter(kind__startswith="approver:").count() == 1
        approved = Decision.objects.get().verb == Verb.APPROVE
        assert Grant.objects.count() == (1 if approved else 0)
