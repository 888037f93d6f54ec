import pytest

from requests_app.distribution.models import Grant, GrantState
from requests_app.notifications.models import Message
from requests_app.requests.states import State
from requests_app.review import decisions
from requests_app.review.models import Decision
from tests.admin.places import at, form_of, page_of
from tests.factories.requests import approver, auditor, reviewer, superuser
from tests.factories.review import granted, put, sign, submitted

pytestmark = pytest.mark.django_db
ENDS = {"approve": State.APPROVED, "return": State.RETURNED, "reject": State.REJECTED}
every_button = pytest.mark.parametrize("verb", ENDS)


def typed(access_request, **changes):
    answers = {
        "agreement": str(access_request.agreements.first().pk),
        "reason": "A sound plan.",
        "private_note": "Ask Bo.",
    }
    return answers | changes


def state_of(access_request):
    access_request.refresh_from_db()
    return access_request.state


@every_button
def test_pressing_asks_first_and_changes_nothing(enter, verb):
    access_request = submitted()
    response = enter(approver(access_request.dataset)).get(form_of(access_request, verb))
    assert response.status_code == 200
    assert str(access_request.agreements.get().pk) in response.text
    assert state_of(access_request) == State.SUBMITTED


@every_button
def test_confirming_decides_and_says_so(enter, verb):
    access_request = submitted()
    client = enter(approver(access_request.dataset))
    response = client.post(form_of(access_request, verb), typed(access_request), follow=True)
    assert response.redirect_chain == [(page_of(access_request), 302)]
    assert state_of(access_request) == ENDS[verb]
    decision = Decision.objects.get()
    assert (decision.reason, decision.private_note) == ("A sound plan.", "Ask Bo.")
    assert "The applicant is told" in response.text


@every_button
@pytest.mark.parametrize("changes", [{"reason": "  "}, {"private_note": "x" * 4001}])
def test_a_refusal_keeps_what_was_typed(enter, verb, changes):
    access_request = submitted()
    answers = typed(access_request, **changes)
    response = enter(approver(access_request.dataset)).post(form_of(access_request, verb), answers)
    assert response.status_code == 400
    for name in {"reason", "private_note"} - changes.keys():
        assert answers[name] in response.text
    assert 'class="wrong"' in response.text
    assert state_of(access_request) == State.SUBMITTED
    assert not Decision.objects.exists()


@every_button
def test_pressing_twice_decides_once(enter, verb):
    access_request = submitted()
    client = enter(approver(access_request.dataset))
    answers = typed(access_request)
    client.post(form_of(access_request, verb), answers)
    response = client.post(form_of(access_request, verb), answers)
    assert response.status_code == 409
    assert "You have decided this request already" in response.text
    assert Decision.objects.count() == 1
    assert Message.objects.filter(name__startswith="request_").count() == 1


def test_who_comes_second_is_told_and_loses_no_words(enter):
    access_request = submitted()
    first = approver(access_request.dataset, full_name="Ada")
    decisions.reject(
        access_request_id=access_request.pk,
        agreement_id=access_request.agreements.get().pk,
        by=first,
        reason="No.",
    )
    client = enter(approver(access_request.dataset))
    response = client.post(form_of(access_request, "approve"), typed(access_request))
    assert response.status_code == 409
    assert "Ada has decided this request already" in response.text
    assert "A sound plan." in response.text
    assert 'type="submit">Approve' not in response.text
    assert state_of(access_request) == State.REJECTED


def test_an_agreement_signed_meanwhile_stops_the_decision(enter):
    access_request = submitted()
    answers = typed(access_request)
    sign(access_request)
    response = enter(approver(access_request.dataset)).post(
        form_of(access_request, "approve"), answers
    )
    assert response.status_code == 409
    assert "newer agreement" in response.text
    assert 'type="submit">Approve' not in response.text
    assert state_of(access_request) == State.SUBMITTED


def test_approving_before_the_pdf_is_there_can_be_tried_again_with_the_same_words(enter):
    access_request = submitted(rendered=False)
    response = enter(approver(access_request.dataset)).post(
        form_of(access_request, "approve"), typed(access_request)
    )
    assert response.status_code == 409
    assert "still being made" in response.text
    assert "A sound plan." in response.text
    assert 'type="submit">Approve' in response.text


@pytest.mark.parametrize("agreement", ["", "no-uuid"])
def test_a_form_without_its_agreement_decides_nothing(enter, agreement):
    access_request = submitted()
    response = enter(approver(access_request.dataset)).post(
        form_of(access_request, "approve"), typed(access_request, agreement=agreement)
    )
    assert response.status_code == 400
    assert "A sound plan." in response.text
    assert state_of(access_request) == State.SUBMITTED


@every_button
@pytest.mark.parametrize("state", [s for s in State if s not in {State.DRAFT, State.SUBMITTED}])
def test_the_form_of_a_decided_request_leads_back_to_it(enter, verb, state):
    access_request = put(submitted(), state)
    response = enter(approver(access_request.dataset)).get(
        form_of(access_request, verb), follow=True
    )
    assert response.redirect_chain == [(page_of(access_request), 302)]
    assert "there is nothing to decide" in response.text


@every_button
def test_a_post_without_csrf_token_is_refused(enter, verb):
    access_request = submitted()
    client = enter(approver(access_request.dataset), enforce_csrf_checks=True)
    response = client.post(form_of(access_request, verb), typed(access_request))
    assert response.status_code == 403
    assert state_of(access_request) == State.SUBMITTED


@every_button
@pytest.mark.parametrize("method", ["get", "post"])
def test_only_approvers_of_the_dataset_reach_the_form(enter, verb, method):
    access_request = submitted()
    others = {
        reviewer(access_request.dataset): 403,
        auditor(): 403,
        reviewer(access_request.dataset, is_superuser=True): 403,
        superuser(): 404,
        approver(submitted().dataset): 404,
    }
    for user, status in others.items():
        send = getattr(enter(user), method)
        response = send(form_of(access_request, verb), typed(access_request))
        assert response.status_code == status
    assert state_of(access_request) == State.SUBMITTED


def revoke_url(grant, under=None):
    access_request = under or grant.access_request
    return at("accessrequest_revoke", access_request.pk, grant.pk)


def test_revoking_asks_first_then_ends_the_grant(enter):
    grant = granted()
    client = enter(approver(grant.dataset))
    assert client.get(revoke_url(grant)).status_code == 200
    grant.refresh_from_db()
    assert grant.state() is GrantState.ACTIVE
    response = client.post(revoke_url(grant), {"reason": "Clips were shared."}, follow=True)
    assert response.redirect_chain == [(page_of(grant.access_request), 302)]
    grant.refresh_from_db()
    assert grant.state() is GrantState.REVOKED
    assert "Clips were shared." in response.text


def test_revoking_without_a_reason_keeps_the_grant(enter):
    grant = granted()
    response = enter(approver(grant.dataset)).post(revoke_url(grant), {"reason": " "})
    assert response.status_code == 400
    grant.refresh_from_db()
    assert grant.state() is GrantState.ACTIVE


def test_revoking_twice_is_told(enter):
    grant = granted()
    client = enter(approver(grant.dataset))
    client.post(revoke_url(grant), {"reason": "Clips were shared."})
    response = client.post(revoke_url(grant), {"reason": "And again."})
    assert response.status_code == 409
    assert "And again." in response.text
    assert Message.objects.filter(name="grant_revoked").count() == 1


def test_a_grant_of_another_dataset_cannot_be_revoked_by_its_id(enter):
    mine, other = granted(), granted()
    client = enter(approver(mine.dataset))
    for url in (revoke_url(other), revoke_url(other, under=mine.access_request)):
        assert client.get(url).status_code == 404
        assert client.post(url, {"reason": "Mine now."}).status_code == 404
    assert not Grant.objects.filter(revoked_at__isnull=False).exists()


def test_only_approvers_reach_the_revoke_form(enter):
    grant = granted()
    for user, status in {reviewer(grant.dataset): 403, auditor(): 403, superuser(): 404}.items():
        client = enter(user)
        assert client.get(revoke_url(grant)).status_code == status
        assert client.post(revoke_url(grant), {"reason": "x"}).status_code == status
    assert not Grant.objects.filter(revoked_at__isnull=False).exists()
