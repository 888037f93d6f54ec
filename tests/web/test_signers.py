"""The applicant's side of several signers: who is outstanding, and what may be done about it."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from requests_app.agreements import inviting as inviting_people
from requests_app.agreements.documents import render_document
from requests_app.agreements.gathering import stop_collecting
from requests_app.agreements.models import Agreement
from requests_app.agreements.outstanding import Outcome, outcome
from requests_app.agreements.signatories import AgreementVoid, Signatory
from requests_app.agreements.signing import sign
from requests_app.distribution.models import MemberRemoval
from requests_app.errors import Refused
from requests_app.lifecycle.reconsent import take_effect
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State
from requests_app.review.decisions import approve
from tests.factories.agreements import signature
from tests.factories.invited import (
    has_signed,
    inviting,
    named,
    refuse_as,
    request_naming,
    signed_by_all,
    text_for_all,
    token_of,
)
from tests.factories.reconsents import campaign_for, long_standing
from tests.factories.requests import approver
from tests.lifecycle.test_reconsent import sign as sign_anew
from tests.web.form_filling import beside, fields, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def agreement(client: Client) -> Agreement:
    """Ada and Bo have yet to sign, and the dean; the applicant is signed in."""
    made = inviting("Ada Larus", "Bo Sterna", signatory=True)
    client.force_login(made.signer)
    return made


@pytest.fixture
def granted(client: Client) -> Agreement:
    """Ada and Bo are members of a running grant; the holder is signed in."""
    made = signed_by_all("Ada Larus", "Bo Sterna")
    render_document(agreement_id=made.pk)
    approve(
        access_request_id=made.access_request_id,
        agreement_id=made.pk,
        by=approver(made.access_request.dataset),
        reason="Fine.",
    )
    client.force_login(made.signer)
    return made


def status(agreement: Agreement) -> str:
    return reverse("request_detail", args=[agreement.access_request_id])


def at(name: str, signatory: Signatory) -> str:
    return reverse(name, args=[signatory.agreement.access_request_id, signatory.pk])


def state(agreement: Agreement) -> str:
    return AccessRequest.objects.get(pk=agreement.access_request_id).state


def test_the_request_s_page_names_each_signer_and_what_became_of_them(client, agreement):
    ada, bo = named(agreement, "Ada Larus"), named(agreement, "Bo Sterna")
    has_signed(ada)
    refuse_as(bo, "Too kind.")
    shown = text(client.get(status(agreement)).content)
    assert "Waiting for signatures" in shown
    for words in ("Ada Larus", "Signed", "Bo Sterna", "Does not sign", "Too kind."):
        assert words in shown
    assert "Has yet to sign For your institution. dean@pier.example." in shown
    assert "Somebody whom you invited does not sign" in shown
    assert "\u2068Ada Larus\u2069 signed the agreement" in shown
    assert "Not in force yet" in shown


def test_what_comes_next_is_one_sentence(client, agreement):
    shown = text(client.get(status(agreement)).content)
    assert "You have signed; 3 more people have yet to sign." in shown
    assert "Read and sign" not in shown
    for name in ("Ada Larus", "Bo Sterna"):
        has_signed(named(agreement, name))
    assert "one more person has yet to sign" in text(client.get(status(agreement)).content)


def test_signing_says_that_others_are_invited(client):
    access_request = request_naming("Ada Larus")
    access_request.applicant.set_password("seven gulls on a pier")
    access_request.applicant.save()
    client.force_login(access_request.applicant)
    page = reverse("request_sign", args=[access_request.pk])
    whole = fields(
        client.get(page).content,
        affirmations=["read", "kind"],
        consent_electronic="on",
        typed_name=access_request.legal_name,
        password="seven gulls on a pier",
    )
    done = client.post(page, whole, follow=True)
    assert "An invitation is on its way to the person" in text(done.content)
    again = client.post(page, whole, follow=True)
    assert "You have signed already: others have yet to" in text(again.content)


def test_answers_cannot_be_changed_meanwhile_and_the_way_is_said(client, agreement):
    edit = reverse("request_edit", args=[agreement.access_request_id])
    saved = {"revision": 0, "named_people-TOTAL_FORMS": 0, "named_people-INITIAL_FORMS": 0}
    for answer in (client.get(edit, follow=True), client.post(edit, saved)):
        assert "stop collecting signatures" in text(answer.content)


def test_the_list_says_so_too(client, agreement):
    assert "Waiting for signatures" in text(client.get(reverse("request_list")).content)


def test_the_agreement_that_is_not_complete_is_no_document(client, agreement):
    pdf = reverse("request_agreement", args=[agreement.access_request_id])
    for query in ("", f"?number={agreement.number}"):
        answer = client.get(pdf + query)
        assert answer.status_code == 404
        assert "signed by everybody" in text(answer.content)


def test_reminding_is_offered_once_a_day(client, agreement):
    ada = named(agreement, "Ada Larus")
    assert at("signer_remind", ada) not in client.get(status(agreement)).content.decode()
    early = client.post(at("signer_remind", ada), follow=True)
    assert "less than a day ago" in text(early.content)
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        client.force_login(agreement.signer)
        assert at("signer_remind", ada) in client.get(status(agreement)).content.decode()
        done = client.post(at("signer_remind", ada), follow=True)
        assert "A reminder with a new link is on its way" in text(done.content)
        assert "last reminded" in text(done.content)
    assert ada.invitations.count() == 2


def test_going_on_without_the_last_one_submits(client):
    agreement = inviting("Ada Larus")
    client.force_login(agreement.signer)
    ada = named(agreement, "Ada Larus")
    assert "Go on without" in text(client.get(at("signer_remove", ada)).content)
    blank = client.post(at("signer_remove", ada), {"reason": ""})
    assert blank.status_code == 400
    assert beside(blank.content, "reason")
    done = client.post(at("signer_remove", ada), {"reason": "She left."}, follow=True)
    assert "Ada Larus was removed" in text(done.content)
    assert state(agreement) == State.SUBMITTED
    again = client.post(at("signer_remove", ada), {"reason": "Twice."}, follow=True)
    assert "nothing was changed" in text(again.content)
    assert ada.exits.count() == 1


def test_whoever_signs_for_the_institution_is_not_removed(client, agreement):
    dean = named(agreement, "Dean Larus")
    assert at("signer_remove", dean) not in client.get(status(agreement)).content.decode()
    client.post(at("signer_remove", dean), {"reason": "No."})
    assert outcome(dean) is Outcome.WAITING


def test_stopping_asks_first_and_lets_the_answers_be_changed(client, agreement):
    stop = reverse("signing_stop", args=[agreement.access_request_id])
    assert "The 3 people you named are told" in text(client.get(stop).content)
    assert not AgreementVoid.objects.exists()
    done = client.post(stop, follow=True)
    assert "Stopped." in text(done.content)
    assert "Not in force: the signing ended before all had signed." in text(done.content)
    assert "You stopped collecting signatures" in text(done.content)
    edit = reverse("request_edit", args=[agreement.access_request_id])
    assert client.get(edit).status_code == 200
    assert "nothing to stop" in text(client.post(stop, follow=True).content)
    assert AgreementVoid.objects.count() == 1


def test_signing_again_and_again_is_no_way_to_mail_strangers(agreement, monkeypatch):
    monkeypatch.setattr(inviting_people, "INVITED_PER_DAY", 5)
    stop_collecting(access_request_id=agreement.access_request_id, by=agreement.signer)
    again = AccessRequest.objects.get(pk=agreement.access_request_id)
    with pytest.raises(Refused, match="Too many invitations"):
        sign(**signature(again))
    assert again.agreements.count() == 1
    monkeypatch.setattr(inviting_people, "INVITED_PER_DAY", 6)
    assert sign(**signature(again)).signatories.count() == 3


def test_members_are_named_beside_the_grant_and_can_leave_alone(client, granted):
    ada = named(granted, "Ada Larus")
    assert at("member_remove", ada) in client.get(status(granted)).content.decode()
    blank = client.post(at("member_remove", ada), {"reason": " "})
    assert beside(blank.content, "reason")
    done = client.post(at("member_remove", ada), {"reason": "A new job."}, follow=True)
    shown = text(done.content)
    assert "\u2068Ada Larus\u2069 was removed from the grant Receipt A new job." in shown
    assert at("member_remove", ada) not in done.content.decode()
    assert at("member_remove", named(granted, "Bo Sterna")) in done.content.decode()
    again = client.post(at("member_remove", ada), {"reason": "Twice."}, follow=True)
    assert "nothing was changed" in text(again.content)
    assert MemberRemoval.objects.count() == 1


@pytest.mark.parametrize("name", ["signer_remind", "signer_remove", "member_remove"])
def test_people_of_other_requests_do_not_exist_here(client, agreement, granted, name):
    """Ids of others under one's own request, and one's own under another."""
    theirs, mine = named(agreement, "Ada Larus"), named(granted, "Ada Larus")
    client.force_login(granted.signer)
    for request, signatory in ((granted, theirs), (agreement, mine), (agreement, theirs)):
        where = reverse(name, args=[request.access_request_id, signatory.pk])
        assert client.post(where, {"reason": "Mine."}).status_code == 404
    assert outcome(theirs) is Outcome.WAITING
    assert theirs.invitations.count() == 1
    assert not MemberRemoval.objects.exists()


def test_a_member_of_the_grant_is_not_removed_as_a_signer_nor_the_other_way(
    client, agreement, granted
):
    done, waiting = named(granted, "Ada Larus"), named(agreement, "Ada Larus")
    client.post(at("signer_remove", done), {"reason": "No."})
    client.force_login(agreement.signer)
    client.post(at("member_remove", waiting), {"reason": "No."})
    assert outcome(done) is Outcome.SIGNED
    assert outcome(waiting) is Outcome.WAITING
    assert not MemberRemoval.objects.exists()


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_costs_the_same_for_one_signer_and_for_three(
    client, django_assert_num_queries, count
):
    made = inviting(*(f"Gull {number}" for number in range(count)))
    client.force_login(made.signer)
    with django_assert_num_queries(17):
        client.get(status(made))


def test_the_form_asks_for_a_signatory_only_where_the_dataset_wants_one(client):
    with_one, without = request_naming(signatory=True), request_naming()
    for access_request, asked in ((with_one, True), (without, False)):
        client.force_login(access_request.applicant)
        edit = reverse("request_edit", args=[access_request.pk])
        assert (b'name="signatory_email"' in client.get(edit).content) is asked
    client.force_login(with_one.applicant)
    edit = reverse("request_edit", args=[with_one.pk])
    sent = fields(client.get(edit).content, signatory_email="dean@elsewhere.example", then="sign")
    saved = client.post(edit, sent, follow=True)
    assert "their address must be at it too" in beside(saved.content, "signatory_email")[0]


def test_a_new_version_is_signed_by_the_members_too_and_the_grant_waits_for_them(client, granted):
    grant = granted.access_request.grants.get()
    long_standing(grant)
    campaign_for(grant, days=-1, body=text_for_all("may not look at"))
    anew = sign_anew(grant)
    shown = text(client.get(status(granted)).content)
    assert "Who signs with you" in shown
    assert "Approved since" in shown
    assert "Read and sign the new version" not in shown
    ada = anew.signatories.get(name="Ada Larus")
    assert "This is a new version" in text(client.get(f"/sign/{token_of(ada)}/").content)
    for signatory in anew.signatories.all():
        has_signed(signatory)
    take_effect(agreement_id=anew.pk)
    shown = text(client.get(status(granted)).content)
    assert "your grant stands on the new version" in shown
    assert at("member_remove", ada) in client.get(status(granted)).content.decode()


def test_stopping_a_new_version_leaves_the_grant_as_it_was(client, granted):
    grant = granted.access_request.grants.get()
    campaign_for(grant, days=30, body=text_for_all("may not look at"))
    sign_anew(grant)
    stop = reverse("signing_stop", args=[granted.access_request_id])
    assert "your grant stays on the version it stands on" in text(client.get(stop).content)
    done = client.post(stop, follow=True)
    assert "Read and sign the new version" in text(done.content)
    assert state(granted) == State.APPROVED
