"""Maintainers see who signed with the applicant, on what evidence, and may take one out."""

import pytest

from requests_app.agreements import gathering
from requests_app.agreements.signing import sign
from requests_app.distribution.models import MemberRemoval
from requests_app.notifications.models import Message
from requests_app.requests.states import State
from tests.admin.places import THE_LOOK, at, page_of
from tests.factories.agreements import signature
from tests.factories.invited import (
    has_signed,
    inviting,
    member_of,
    named,
    request_naming,
    signed_by_all,
)
from tests.factories.requests import approver, reviewer
from tests.factories.review import granted, put
from tests.web.form_filling import text

pytestmark = pytest.mark.django_db


def shown(response) -> str:
    return text(response.content)


def leaving(signatory) -> str:
    return at("accessrequest_leave", signatory.agreement.access_request_id, signatory.pk)


def test_each_signer_is_shown_with_outcome_and_evidence(enter):
    agreement = inviting("Ada Larus", "محمد علي", signatory=True)
    gathering.remove(
        signatory_id=named(agreement, "محمد علي").pk, by=agreement.signer, reason="Left us."
    )
    has_signed(named(agreement, "Ada Larus"))
    has_signed(named(agreement, "Dean Larus"))
    page = shown(
        enter(reviewer(agreement.access_request.dataset)).get(page_of(agreement.access_request))
    )
    for words in (
        "code sent to the address",
        "I was told how to treat gulls.",
        "I may bind the institution.",
        "Removed before signing",
        "Left us.",
        "signs for the institution",
        "Everybody has signed, request submitted by Dean Larus",
    ):
        assert words in page
    assert "Remove Ada Larus" not in page, "there is no grant to leave"


@pytest.mark.parametrize("hint", [True, False])
def test_an_authorised_signatory_who_may_be_the_applicant_is_pointed_out(enter, hint):
    access_request = request_naming(signatory=True)
    local, _, host = access_request.applicant.email.partition("@")
    access_request.signatory_email = f"{local}@lab.{host}" if hint else f"dean@{host}"
    access_request.save()
    has_signed(sign(**signature(access_request)).signatories.get())
    page = shown(enter(reviewer(access_request.dataset)).get(page_of(access_request)))
    assert ("may belong to one person" in page) is hint


def test_what_is_not_signed_by_all_is_nobody_elses_business(enter):
    agreement = inviting("Ada Larus")
    put(agreement.access_request, State.RETURNED)
    client = enter(reviewer(agreement.access_request.dataset))
    assert client.get(page_of(agreement.access_request)).status_code == 404
    assert agreement.number not in shown(client.get(at("agreement_changelist")))


def test_an_approver_takes_one_member_out_and_the_grant_stays(enter):
    grant = granted()
    ada, bo = member_of(grant.agreement), member_of(grant.agreement, "Bo Sterna")
    client = enter(approver(grant.dataset))
    assert leaving(ada) in client.get(page_of(grant.access_request)).content.decode()
    assert "Remove Ada Larus from the grant?" in shown(client.get(leaving(ada)))
    assert client.post(leaving(ada), {"reason": " "}).status_code == 400
    done = client.post(leaving(ada), {"reason": "Asked to."}, follow=True)
    assert "Left the grant" in shown(done)
    assert "Asked to." in shown(done)
    assert leaving(ada) not in done.content.decode()
    assert leaving(bo) in done.content.decode()
    assert client.post(leaving(ada), {"reason": "Twice."}).status_code == 409
    assert MemberRemoval.objects.get().signatory == ada
    told = set(Message.objects.filter(name__startswith="member_removed").values_list("recipient"))
    assert {(ada.email,), (grant.applicant.email,)} <= told


def test_a_reviewer_reads_and_does_not_remove(enter):
    grant = granted()
    ada = member_of(grant.agreement)
    client = enter(reviewer(grant.dataset))
    assert leaving(ada) not in client.get(page_of(grant.access_request)).content.decode()
    for answer in (client.get(leaving(ada)), client.post(leaving(ada), {"reason": "No."})):
        assert answer.status_code == 403
    assert not MemberRemoval.objects.exists()


def test_a_member_of_another_request_is_not_found_under_this_one(enter):
    grant, other = granted(), granted()
    theirs = member_of(other.agreement)
    client = enter(approver(grant.dataset))
    where = at("accessrequest_leave", grant.access_request_id, theirs.pk)
    for answer in (client.get(where), client.post(where, {"reason": "No."})):
        assert answer.status_code == 404
    assert client.post(leaving(theirs), {"reason": "No."}).status_code == 404
    assert not MemberRemoval.objects.exists()


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_costs_the_same_for_one_signer_and_for_three(
    enter, count, django_assert_num_queries
):
    agreement = signed_by_all(*(f"Gull {number}" for number in range(count)))
    client = enter(approver(agreement.access_request.dataset))
    with django_assert_num_queries(37 + THE_LOOK):
        client.get(page_of(agreement.access_request))
