from datetime import UTC, datetime

import pytest

from requests_app.agreements.models import FailedDocument
from requests_app.audit import kinds, log
from requests_app.requests.states import State, Verb
from requests_app.review import decisions
from tests.admin.places import THE_LOOK, at, form_of, page_of
from tests.factories.requests import (
    AccessRequestFactory,
    EthicsDocumentFactory,
    NamedPersonFactory,
    approver,
    auditor,
    reviewer,
    superuser,
)
from tests.factories.review import decided, granted, put, sign, submitted

pytestmark = pytest.mark.django_db
BUTTONS = ("approve", "return", "reject")


def buttons(access_request, text):
    return [verb for verb in BUTTONS if form_of(access_request, verb) in text]


def test_the_page_shows_everything_needed_to_decide(enter):
    access_request = AccessRequestFactory(
        institution="Reef Institute",
        purpose="Line one\nline two",
        funding="The Reef Fund",
        ethics="approved",
        ethics_reference="REEF-7",
        data_protection_plan="A locked shed",
        position="Lecturer",
        email_reason="reef.example is the domain of Reef Institute.",
    )
    EthicsDocumentFactory(access_request=access_request, name="approval-7.pdf")
    NamedPersonFactory(access_request=access_request, name="Ann Auk", email="ann@gmail.com")
    agreement = sign(access_request)
    text = enter(approver(access_request.dataset)).get(page_of(access_request)).text
    for expected in (
        access_request.legal_name,
        access_request.email,
        "Reef Institute",
        "Australia",
        "reef.example is the domain of Reef Institute.",
        "Line one\nline two",
        "The Reef Fund",
        "REEF-7",
        "approval-7.pdf",
        "A locked shed",
        "Ann Auk",
        "Anybody can get an address at gmail.com.",
        "We will not feed them.",
        agreement.number,
        "192.0.2.7",
    ):
        assert expected in text


def test_what_was_typed_is_shown_as_typed_and_never_run(enter):
    typed = "<script>alert(1)</script>\n<img src=file:///etc/passwd>\n{{ 7*7 }}"
    access_request = submitted(
        purpose=typed,
        legal_name="<script>alert(2)</script>",
        institution="<script>alert(3)</script>",
        data_protection_plan=typed,
    )
    text = enter(approver(access_request.dataset)).get(page_of(access_request)).text
    assert "<script>alert" not in text
    assert "<img src=file" not in text
    assert (
        "&lt;script&gt;alert(1)&lt;/script&gt;\n&lt;img src=file:///etc/passwd&gt;\n{{ 7*7 }}"
        in text
    )


def test_what_is_not_signed_yet_is_not_shown(enter):
    access_request = submitted(purpose="As signed")
    client = enter(approver(access_request.dataset))
    put(access_request, State.RETURNED)
    access_request.purpose = "Half a thought"
    access_request.save()
    EthicsDocumentFactory(access_request=access_request, name="not-signed.pdf")
    text = client.get(page_of(access_request)).text
    assert "As signed" in text
    assert "Half a thought" not in text
    assert "not-signed.pdf" not in text


@pytest.mark.parametrize("state", [s for s in State if s is not State.DRAFT])
def test_approvers_see_buttons_only_while_there_is_something_to_decide(enter, state):
    access_request = put(submitted(), state)
    text = enter(approver(access_request.dataset)).get(page_of(access_request)).text
    expected = list(BUTTONS) if state is State.SUBMITTED else []
    assert buttons(access_request, text) == expected


def test_reviewers_and_auditors_read_everything_and_see_no_buttons(enter):
    grant = granted()
    waiting = submitted(dataset=grant.dataset)
    revoke = at("accessrequest_revoke", grant.access_request_id, grant.pk)
    for user in (reviewer(grant.dataset), auditor()):
        client = enter(user)
        text = client.get(page_of(waiting)).text
        assert waiting.purpose in text
        assert buttons(waiting, text) == []
        text = client.get(page_of(grant.access_request)).text
        assert "Between us." in text
        assert revoke not in text
    assert revoke in enter(approver(grant.dataset)).get(page_of(grant.access_request)).text


def test_a_superuser_who_reviews_still_sees_no_buttons(enter):
    access_request = submitted()
    user = reviewer(access_request.dataset, is_superuser=True)
    assert buttons(access_request, enter(user).get(page_of(access_request)).text) == []


def test_nobody_decides_their_own_request(enter):
    access_request = submitted()
    judge = approver(access_request.dataset)
    access_request.applicant = judge
    access_request.save()
    text = enter(judge).get(page_of(access_request)).text
    assert buttons(access_request, text) == []
    assert "somebody else must decide it" in text


def test_requests_one_may_not_review_do_not_exist(enter):
    access_request = submitted()
    draft = AccessRequestFactory(dataset=access_request.dataset)
    by = approver(access_request.dataset)
    assert enter(by).get(page_of(draft)).status_code == 404
    assert enter(by).get(page_of(submitted())).status_code == 404
    assert enter(superuser()).get(page_of(access_request)).status_code == 404
    assert enter(by).get(at("accessrequest_change", "no-uuid")).status_code == 404


def test_earlier_decisions_and_other_requests_are_at_hand(enter):
    access_request = decided(Verb.RETURN, State.RETURNED)
    other = submitted(dataset=access_request.dataset, applicant=access_request.applicant)
    hidden = submitted(applicant=access_request.applicant)
    text = enter(approver(access_request.dataset)).get(page_of(access_request)).text
    assert "Because." in text
    assert "Between us." in text
    assert page_of(other) in text
    assert page_of(hidden) not in text


def test_the_story_names_who_did_what_and_sums_single_files(enter):
    access_request = submitted()
    by = approver(access_request.dataset, full_name="Ada Approver")
    decisions.approve(
        access_request_id=access_request.pk,
        agreement_id=access_request.agreements.get().pk,
        by=by,
        reason="Good plan.",
        private_note="Ask Bo.",
    )
    grant = access_request.grants.get()
    for number in range(12):
        log.record(kinds.FILE_DOWNLOADED, by=grant.applicant, on=grant, path=f"clip-{number}.mp4")
    text = enter(by).get(page_of(access_request)).text
    assert "Ada Approver" in text
    assert "Good plan." in text
    assert "Single files downloaded, 12 times" in text
    assert "clip-3.mp4" not in text


def test_an_erased_value_is_said_to_be_erased(enter):
    access_request = submitted()
    entry = log.record(
        kinds.REQUEST_WITHDRAWN,
        by=access_request.applicant,
        on=access_request,
        reason="Personal matters",
    )
    entry.personal_values.all().delete()
    text = enter(auditor()).get(page_of(access_request)).text
    assert "Personal matters" not in text
    assert "(erased)" in text


def test_a_document_that_cannot_be_made_is_told_with_when_it_is_tried_again(enter):
    access_request = AccessRequestFactory()
    agreement = sign(access_request, rendered=False)
    client = enter(approver(access_request.dataset))
    assert "PDF is still being made" in client.get(page_of(access_request)).text
    FailedDocument.objects.create(
        agreement=agreement, attempts=3, not_before=datetime(2026, 2, 1, 9, 30, tzinfo=UTC)
    )
    text = client.get(page_of(access_request)).text
    assert "could not be made, in 3 attempts" in text
    assert "tried again after 1 February 2026, 09:30 UTC" in text
    assert "PDF is still being made" not in text


def test_a_verdict_that_changed_since_signing_is_told(enter):
    access_request = submitted(email="noddy@gmail.com", email_standing="institution")
    text = enter(auditor()).get(page_of(access_request)).text
    assert "Judged today" in text
    assert "Anybody can get an address at gmail.com." in text


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_costs_the_same_however_much_happened(enter, count, django_assert_num_queries):
    access_request = AccessRequestFactory()
    for number in range(count):
        NamedPersonFactory(access_request=access_request, email=f"ann@reef{number}.example")
    sign(access_request)
    by = approver(access_request.dataset)
    for _ in range(count):
        submitted(dataset=access_request.dataset, applicant=access_request.applicant)
        decisions.return_for_changes(
            access_request_id=access_request.pk,
            agreement_id=access_request.agreements.first().pk,
            by=by,
            reason="Change it.",
        )
        sign(access_request)
    client = enter(by)
    with django_assert_num_queries(32 + THE_LOOK):
        client.get(page_of(access_request))


def test_the_page_answers_no_post(enter):
    access_request = submitted()
    response = enter(approver(access_request.dataset)).post(page_of(access_request), {"state": "x"})
    assert response.status_code == 405
