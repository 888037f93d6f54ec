"""Which requests exist for whom."""

import pytest

from requests_app.errors import NotFound
from requests_app.requests import visibility
from requests_app.requests.maintainers import told_of_requests
from requests_app.requests.permissions import APPROVERS, REVIEWERS
from requests_app.requests.states import State
from tests.factories.requests import (
    AccessRequestFactory,
    UserFactory,
    approver,
    auditor,
    reviewer,
    staff,
    superuser,
)
from tests.factories.review import put, submitted

pytestmark = pytest.mark.django_db

STAFF = {"approver": approver, "reviewer": reviewer}


def test_an_applicant_sees_their_own_requests_and_no_others():
    mine, other = AccessRequestFactory(), AccessRequestFactory()
    assert list(visibility.own(mine.applicant)) == [mine]
    assert visibility.own_or_404(mine.applicant, mine.pk) == mine
    with pytest.raises(NotFound):
        visibility.own_or_404(mine.applicant, other.pk)


@pytest.mark.parametrize("make", [approver, reviewer, auditor, superuser])
def test_staff_do_not_pass_as_the_applicant(make):
    with pytest.raises(NotFound):
        visibility.own_or_404(make(), submitted().pk)


@pytest.mark.parametrize("role", STAFF)
def test_maintainers_see_signed_requests_of_their_datasets_only(role):
    mine, other = submitted(), submitted()
    draft = AccessRequestFactory(dataset=mine.dataset)
    person = STAFF[role](mine.dataset)
    assert list(visibility.for_review(person)) == [mine]
    assert other not in visibility.for_review(person)
    assert draft not in visibility.for_review(person)


def test_a_draft_that_was_withdrawn_unsigned_is_nobodys_business():
    draft = put(AccessRequestFactory(), State.WITHDRAWN)
    assert not visibility.for_review(approver(draft.dataset)).exists()
    assert not visibility.for_review(auditor()).exists()


def test_an_auditor_sees_signed_requests_of_every_dataset():
    every = {submitted(), submitted()}
    assert set(visibility.for_review(auditor())) == every


def test_nobody_without_a_role_reviews():
    access_request = submitted()
    retired = approver(access_request.dataset, is_active=False)
    for person in (access_request.applicant, UserFactory(), superuser(), retired):
        assert not visibility.for_review(person).exists()


def test_who_is_told_of_requests_is_who_may_review_them():
    """One rule as a query over people and as one over requests: they must agree."""
    access_request = submitted()
    dataset = access_request.dataset
    people = [
        staff(*groups, maintains=maintained, is_active=is_active)
        for groups in [(), (APPROVERS,), (REVIEWERS,), (APPROVERS, REVIEWERS)]
        for maintained in (dataset, None)
        for is_active in (True, False)
    ]
    people.append(approver(dataset))
    people[-1].is_staff = False
    people[-1].save()
    may_review = [each for each in people if access_request in visibility.for_review(each)]
    assert len(may_review) == 3
    assert list(told_of_requests(dataset)) == may_review


def test_a_request_signed_twice_is_listed_once():
    from tests.factories.review import sign  # noqa: PLC0415 - used here only

    access_request = submitted()
    sign(access_request)
    assert visibility.for_review(approver(access_request.dataset)).count() == 1
