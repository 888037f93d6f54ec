"""Every state x every verb x every role, derived from the table and a list of who may."""

from itertools import product

import pytest
from django.utils import timezone

from requests_app.agreements import gathering, signing
from requests_app.audit.models import Entry
from requests_app.errors import Conflict, PortalError, Refused
from requests_app.identity.models import User
from requests_app.lifecycle import declining, withdrawing
from requests_app.requests import drafts, transitions
from requests_app.requests.models import AccessRequest
from requests_app.requests.permissions import WHO, may
from requests_app.requests.policies import NOT_WHILE_COLLECTING, ONLY_WHILE_COLLECTING, allows
from requests_app.requests.states import TRANSITIONS, State, Verb
from requests_app.review import decisions
from tests.factories.agreements import ready_request, signature
from tests.factories.cosigning import collect, name_colleague
from tests.factories.requests import (
    UserFactory,
    approver,
    auditor,
    reviewer,
    staff,
    superuser,
)
from tests.factories.review import put, sign

pytestmark = pytest.mark.django_db

APPLICANTS_VERBS = {
    Verb.EDIT,
    Verb.SIGN,
    Verb.COLLECT,
    Verb.STOP,
    Verb.DECLINE,
    Verb.WITHDRAW,
}
APPROVERS_VERBS = {Verb.APPROVE, Verb.RETURN, Verb.REJECT}


def _lock_out(user: User) -> User:
    user.is_active = False
    user.save()
    return user


def _make_approver(access_request: AccessRequest) -> User:
    made = approver(access_request.dataset)
    access_request.applicant.groups.set(made.groups.all())
    access_request.applicant.is_staff = True
    access_request.applicant.save()
    access_request.dataset.maintainers.add(access_request.applicant)
    return access_request.applicant


def _take_staff(user: User) -> User:
    user.is_staff = False
    user.save()
    return user


def _maintaining_superuser(access_request: AccessRequest) -> User:
    return staff(maintains=access_request.dataset, is_superuser=True)


# role -> (how to make one for a request, what they may do at all)
ROLES = {
    "applicant": (lambda it: it.applicant, APPLICANTS_VERBS),
    "locked out applicant": (lambda it: _lock_out(it.applicant), set()),
    "applicant who approves": (_make_approver, APPLICANTS_VERBS),
    "another applicant": (lambda it: UserFactory(), set()),
    "reviewer": (lambda it: reviewer(it.dataset), set()),
    "approver": (lambda it: approver(it.dataset), APPROVERS_VERBS),
    "approver of another dataset": (lambda it: approver(), set()),
    "approver without staff status": (lambda it: _take_staff(approver(it.dataset)), set()),
    "auditor": (lambda it: auditor(), set()),
    "superuser": (lambda it: superuser(), set()),
    "superuser who maintains": (_maintaining_superuser, set()),
}


def _edit(access_request, by):
    return drafts.save(
        access_request_id=access_request.pk,
        by=by,
        revision=access_request.revision,
        answers={"department": "Seals"},
    )


def _decide(verb):
    def decide(access_request, by):
        agreement = access_request.agreements.first()
        return verb(
            access_request_id=access_request.pk,
            agreement_id=str(agreement.pk) if agreement else "",
            by=by,
            reason="Because.",
        )

    return decide


DEEDS = {
    Verb.EDIT: _edit,
    Verb.SIGN: lambda it, by: signing.sign(**signature(it, by=by)),
    Verb.COLLECT: lambda it, by: signing.sign(**signature(it, by=by)),
    Verb.STOP: lambda it, by: gathering.stop_collecting(access_request_id=it.pk, by=by),
    Verb.COMPLETE: lambda it, by: transitions.lock(it.pk, Verb.COMPLETE, by),
    Verb.DECLINE: lambda it, by: declining.decline(
        access_request_id=it.pk, by=by, why=declining.Why.TERMS
    ),
    Verb.APPROVE: _decide(decisions.approve),
    Verb.RETURN: _decide(decisions.return_for_changes),
    Verb.REJECT: _decide(decisions.reject),
    Verb.WITHDRAW: lambda it, by: withdrawing.withdraw(access_request_id=it.pk, by=by),
}


def request_in(state: State, verb: Verb | None = None) -> AccessRequest:
    """A complete request in `state`, signed unless it is a draft; somebody else must sign, or is
    asked to already, where `verb` is about that."""
    access_request = ready_request()
    if state != State.DRAFT:
        sign(access_request)
        put(access_request, state)
    if verb in {Verb.COLLECT, Verb.STOP}:
        name_colleague(access_request)
    if verb is Verb.STOP and state in TRANSITIONS[Verb.STOP]:
        collect(access_request)
    return access_request


def expected(state: State, verb: Verb, may_do: set[Verb]) -> State | type[PortalError]:
    if verb not in may_do:
        return Refused
    return TRANSITIONS[verb].get(state, Conflict)


@pytest.mark.parametrize(("state", "verb"), list(product(State, Verb)))
def test_only_who_may_moves_a_request_and_only_along_the_table(state, verb):
    for role, (make, may_do) in ROLES.items():
        access_request = request_in(state, verb)
        by = make(access_request)
        entries = Entry.objects.count()
        outcome = expected(state, verb, may_do)
        if isinstance(outcome, State):
            DEEDS[verb](access_request, by)
        else:
            with pytest.raises(PortalError) as refusal:
                DEEDS[verb](access_request, by)
            assert type(refusal.value) is outcome, role
            assert Entry.objects.count() == entries, role
        access_request.refresh_from_db()
        assert access_request.state == (outcome if isinstance(outcome, State) else state), role


def test_every_verb_has_a_deed_a_row_in_the_table_and_a_rule_of_who():
    assert set(DEEDS) == set(TRANSITIONS) == set(WHO) == set(Verb)


@pytest.mark.parametrize("role", ROLES)
def test_who_may_is_asked_without_looking_at_the_state(role):
    make, may_do = ROLES[role]
    for state in State:
        access_request = request_in(state)
        by = make(access_request)
        assert {verb for verb in Verb if may(by, verb, access_request)} == may_do


@pytest.mark.parametrize("collecting", [False, True])
@pytest.mark.parametrize("state", State)
def test_what_the_state_allows_is_what_the_table_says(state, collecting):
    """While others have yet to sign, nothing may change what they sign; only then is it stopped."""
    since = timezone.now() if collecting else None
    request = AccessRequest(state=state, collecting_since=since)
    allowed = {verb for verb in Verb if allows(request, verb)}
    shut = NOT_WHILE_COLLECTING if collecting else ONLY_WHILE_COLLECTING
    assert allowed == {verb for verb in Verb if state in TRANSITIONS[verb]} - shut
