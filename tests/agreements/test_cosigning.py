"""Invited people: what they may sign, when, with what proof, and what the last signature does."""

from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.utils import timezone

from requests_app.agreements import codes, cosigning, gathering, inviting
from requests_app.agreements.answers import digest
from requests_app.agreements.documents import render_document, waiting
from requests_app.agreements.outstanding import Outcome, outcome
from requests_app.agreements.signatories import AgreementVoid, Cosignature, Invitation
from requests_app.agreements.signing import sign
from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.audit.origin import Origin, acting_from
from requests_app.errors import Conflict, Invalid, NotFound, Refused
from requests_app.identity.models import InstitutionDomain
from requests_app.lifecycle import withdrawing
from requests_app.notifications.models import Message
from requests_app.requests import drafts
from requests_app.requests.states import State
from tests.factories.agreements import publish_text, ready_request, signature
from tests.factories.cosigning import (
    TEXT_FOR_ALL,
    code_of,
    collect,
    cosignature,
    ready_together,
    refuse_as,
    signed_by_all,
    token_of,
)
from tests.factories.requests import NamedPersonFactory, UserFactory
from tests.factories.review import put

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_codes_of_other_tests():
    cache.clear()


def messages_to(address: str) -> list[str]:
    found = Message.objects.filter(recipient=address).order_by("created_at")
    return list(found.values_list("name", flat=True))


class TestCollecting:
    def test_the_request_waits_until_all_have_signed(self):
        access_request = ready_together("Bea Sterna", "Cy Pluvialis")
        agreement = collect(access_request)
        assert access_request.state == State.DRAFT
        assert access_request.collecting_since is not None
        assert not waiting().exists()
        bea, cy = agreement.signatories.all()
        cosigning.cosign(**cosignature(cy))
        access_request.refresh_from_db()
        assert (access_request.state, outcome(bea)) == (State.DRAFT, Outcome.WAITING)
        cosigning.cosign(**cosignature(bea))
        access_request.refresh_from_db()
        assert (access_request.state, access_request.collecting_since) == (State.SUBMITTED, None)
        assert waiting().get() == agreement

    def test_everybody_is_asked_at_their_own_address(self):
        agreement = collect(ready_together("Bea Sterna", signatory=True))
        assert [(each.role, each.email) for each in agreement.signatories.all()] == [
            ("member", "bea@harbour.example"),
            ("institution", "dean@pier.example"),
        ]
        for each in agreement.signatories.all():
            assert messages_to(each.email) == ["signing_invitation"]
        invited = Entry.objects.filter(kind=kinds.SIGNATORY_INVITED)
        assert {entry.trail for entry in invited} == {agreement.audit_trail}

    def test_a_text_with_nothing_for_others_to_affirm_asks_nobody(self):
        access_request = ready_request()
        NamedPersonFactory(access_request=access_request)
        sign(**signature(access_request))
        access_request.refresh_from_db()
        assert access_request.state == State.SUBMITTED

    def test_a_dataset_that_wants_an_authorised_signatory_waits_for_one_alone_too(self):
        access_request = ready_together(signatory=True)
        agreement = collect(access_request)
        assert access_request.state == State.DRAFT
        cosigning.cosign(**cosignature(agreement.signatories.get()))
        access_request.refresh_from_db()
        assert access_request.state == State.SUBMITTED

    def test_no_authority_is_signed_for_without_words_that_say_so(self):
        access_request = ready_together(signatory=True)
        publish_text(access_request.dataset, number=3)
        with pytest.raises(Conflict, match="what is affirmed with it"):
            sign(**signature(access_request))
        assert not access_request.agreements.exists()

    def test_nothing_is_edited_or_signed_twice_meanwhile(self):
        access_request = ready_together("Bea Sterna")
        collect(access_request)
        edit = {"revision": access_request.revision, "answers": {"department": "Seals"}}
        with pytest.raises(Conflict, match="others have yet to"):
            drafts.save(access_request_id=access_request.pk, by=access_request.applicant, **edit)
        with pytest.raises(Conflict, match="others have yet to"):
            sign(**signature(access_request))
        assert access_request.agreements.count() == 1

    def test_an_unfinished_agreement_cannot_be_rendered(self):
        agreement = collect(ready_together("Bea Sterna"))
        with pytest.raises(Conflict, match="not signed by all"):
            render_document(agreement_id=agreement.pk)


class TestSigning:
    def test_a_signature_has_its_own_evidence_and_entry(self):
        agreement = collect(ready_together("Bea Sterna"))
        bea = agreement.signatories.get()
        with acting_from(Origin(ip="192.0.2.9", user_agent="Firefox in a harbour")):
            signed = cosigning.cosign(**cosignature(bea))
        told = signed.evidence
        assert told["typed_name"] == "Bea Sterna"
        assert told["email"] == bea.email
        assert told["ip_address"] == "192.0.2.9"
        assert [each["text"] for each in told["affirmations"]] == ["I keep to all of it."]
        assert told["shown_sha256"] == agreement.evidence["shown_sha256"]
        entry = Entry.objects.get(kind=kinds.AGREEMENT_COSIGNED)
        assert entry.actor == bea.audit_ref
        assert entry.details["evidence_sha256"] == digest(told)
        submitted = Entry.objects.get(kind=kinds.REQUEST_SUBMITTED)
        assert (submitted.actor, submitted.details["to"]) == (bea.audit_ref, "submitted")

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"typed_name": "Bea"}, "typed_name"),
            ({"affirmations": []}, "affirmations"),
            ({"consent_electronic": False}, "consent_electronic"),
            ({"code": "000000"}, "code"),
            ({"code": ""}, "code"),
        ],
    )
    def test_what_is_missing_is_told_at_its_field_and_nothing_is_signed(self, change, field):
        agreement = collect(ready_together("Bea Sterna"))
        bea = agreement.signatories.get()
        with pytest.raises(Invalid) as refusal:
            cosigning.cosign(**cosignature(bea, **change))
        assert list(refusal.value.fields) == [field]
        assert not Cosignature.objects.exists()

    def test_only_what_was_shown_is_signed(self):
        agreement = collect(ready_together("Bea Sterna"))
        with pytest.raises(Conflict, match="not the agreement you were shown"):
            cosigning.cosign(**cosignature(agreement.signatories.get(), shown_sha256="0" * 64))

    def test_a_code_is_good_for_one_signature_five_tries_and_a_quarter_of_an_hour(self):
        agreement = collect(ready_together("Bea Sterna", "Cy Pluvialis"))
        bea, cy = agreement.signatories.all()
        right = cosignature(bea)
        for _ in range(codes.TRIES):
            with pytest.raises(Invalid):
                cosigning.cosign(**right | {"code": "not it"})
        with pytest.raises(Invalid):
            cosigning.cosign(**right)
        fresh = cosignature(bea)
        with pytest.raises(Invalid):
            cosigning.cosign(**cosignature(cy, code=fresh["code"]))
        cosigning.cosign(**fresh)
        late = cosignature(cy)
        with time_machine.travel(timezone.now() + codes.VALID_FOR), pytest.raises(Invalid):
            cosigning.cosign(**late)

    def test_a_new_code_takes_the_place_of_the_last(self):
        bea = collect(ready_together("Bea Sterna")).signatories.get()
        first, second = cosignature(bea), cosignature(bea)
        if first["code"] != second["code"]:
            with pytest.raises(Invalid):
                cosigning.cosign(**first)
        cosigning.cosign(**second)

    def test_codes_are_not_sent_without_end(self):
        token = token_of(collect(ready_together("Bea Sterna")).signatories.get())
        for _ in range(codes.PER_DAY):
            cosigning.send_code(token=token)
        with pytest.raises(Refused, match="Too many"):
            cosigning.send_code(token=token)

    def test_an_address_that_was_refused_meanwhile_signs_nothing(self):
        bea = collect(ready_together("Bea Sterna")).signatories.get()
        asked = cosignature(bea)
        InstitutionDomain.objects.create(domain="harbour.example", standing="deny", source="x")
        with pytest.raises(Refused):
            cosigning.cosign(**asked)
        with pytest.raises(Refused):
            cosigning.send_code(token=asked["token"])

    def test_signing_twice_is_told_and_changes_nothing(self):
        agreement = collect(ready_together("Bea Sterna", "Cy Pluvialis"))
        bea = agreement.signatories.first()
        asked = cosignature(bea)
        cosigning.cosign(**asked)
        with pytest.raises(Conflict, match="signed this agreement already"):
            cosigning.cosign(**asked)
        assert Cosignature.objects.count() == 1


class TestInvitations:
    def test_a_token_that_nobody_gave_out_opens_nothing(self):
        for token in ("x", "A" * 43, ""):
            with pytest.raises(NotFound):
                inviting.open_invitation(token)

    def test_of_the_secret_only_a_hash_is_kept(self):
        bea = collect(ready_together("Bea Sterna")).signatories.get()
        token = token_of(bea)
        assert inviting.open_invitation(token).signatory == bea
        assert token not in str(list(Invitation.objects.values()))

    def test_a_reminder_brings_a_fresh_address_and_closes_the_old_one(self):
        agreement = collect(ready_together("Bea Sterna"))
        bea, by = agreement.signatories.get(), agreement.signer
        old = cosignature(bea)
        with pytest.raises(Refused, match="less than a day"):
            inviting.remind(signatory_id=bea.pk, by=by)
        with time_machine.travel(timezone.now() + inviting.REMIND_AFTER):
            inviting.remind(signatory_id=bea.pk, by=by)
            with pytest.raises(Conflict, match="newer invitation"):
                cosigning.cosign(**old)
            cosigning.cosign(**cosignature(bea))

    def test_an_invitation_expires_and_can_be_sent_again(self, settings):
        settings.INVITATION_DAYS = 3
        agreement = collect(ready_together("Bea Sterna"))
        bea = agreement.signatories.get()
        with time_machine.travel(timezone.now() + timedelta(days=3)):
            with pytest.raises(Conflict, match="expired"):
                cosigning.send_code(token=token_of(bea))
            inviting.remind(signatory_id=bea.pk, by=agreement.signer)
            cosigning.cosign(**cosignature(bea))

    def test_only_the_applicant_reminds_and_removes(self):
        bea = collect(ready_together("Bea Sterna")).signatories.get()
        for verb in (
            lambda by: inviting.remind(signatory_id=bea.pk, by=by),
            lambda by: gathering.remove(signatory_id=bea.pk, by=by, reason="Left."),
        ):
            with pytest.raises(NotFound):
                verb(UserFactory())


class TestRefusing:
    def test_a_refusal_is_kept_with_its_reason_and_told_to_the_applicant(self):
        access_request = ready_together("Bea Sterna")
        bea = collect(access_request).signatories.get()
        token = token_of(bea)
        with pytest.raises(Invalid):
            cosigning.refuse(token=token, reason=" ", code=code_of(bea, token))
        refuse_as(bea, "I do not work with gulls.")
        assert outcome(bea) is Outcome.DECLINED
        assert "signature_refused" in messages_to(access_request.applicant.email)
        entry = Entry.objects.get(kind=kinds.SIGNATURE_REFUSED)
        assert entry.personal_values.get(field="reason").value == "I do not work with gulls."
        with pytest.raises(Conflict, match="do not sign"):
            cosigning.cosign(**cosignature(bea, code="1", token=token))

    def test_whoever_has_the_address_but_not_the_mailbox_cannot_refuse(self):
        bea = collect(ready_together("Bea Sterna")).signatories.get()
        token = token_of(bea)
        code_of(bea, token)
        with pytest.raises(Invalid) as refusal:
            cosigning.refuse(token=token, reason="Forwarded to me.", code="")
        assert "code" in refusal.value.fields
        assert outcome(bea) is Outcome.WAITING

    def test_a_member_who_refused_is_removed_and_the_rest_go_on(self):
        access_request = ready_together("Bea Sterna", "Cy Pluvialis")
        agreement = collect(access_request)
        bea, cy = agreement.signatories.all()
        refuse_as(bea)
        cosigning.cosign(**cosignature(cy))
        access_request.refresh_from_db()
        assert access_request.state == State.DRAFT
        gathering.remove(signatory_id=bea.pk, by=agreement.signer, reason="Does not want to.")
        access_request.refresh_from_db()
        assert access_request.state == State.SUBMITTED


class TestRemoving:
    def test_removing_the_last_one_waited_for_submits(self):
        access_request = ready_together("Bea Sterna")
        agreement = collect(access_request)
        bea = agreement.signatories.get()
        token = token_of(bea)
        with pytest.raises(Invalid):
            gathering.remove(signatory_id=bea.pk, by=agreement.signer, reason="")
        gathering.remove(signatory_id=bea.pk, by=agreement.signer, reason="Left the group.")
        access_request.refresh_from_db()
        assert access_request.state == State.SUBMITTED
        assert not access_request.named_people.exists()
        assert messages_to(bea.email) == ["signing_invitation", "invitation_closed"]
        with pytest.raises(Conflict, match="name was taken out"):
            cosigning.send_code(token=token)
        with pytest.raises(Conflict):
            gathering.remove(signatory_id=bea.pk, by=agreement.signer, reason="Again.")

    def test_who_has_signed_and_who_signs_for_the_institution_stay(self):
        agreement = collect(ready_together("Bea Sterna", "Cy Pluvialis", signatory=True))
        bea, _, dean = agreement.signatories.all()
        cosigning.cosign(**cosignature(bea))
        with pytest.raises(Conflict, match="not waited for"):
            gathering.remove(signatory_id=bea.pk, by=agreement.signer, reason="Why not.")
        with pytest.raises(Conflict, match="signature for your institution"):
            gathering.remove(signatory_id=dean.pk, by=agreement.signer, reason="Busy.")


class TestStopping:
    def test_stopping_lets_the_applicant_change_and_everybody_signs_anew(self):
        access_request = ready_together("Bea Sterna", "Cy Pluvialis")
        first = collect(access_request)
        bea, cy = first.signatories.all()
        cosigning.cosign(**cosignature(bea))
        token = token_of(cy)
        gathering.stop_collecting(access_request_id=access_request.pk, by=first.signer)
        access_request.refresh_from_db()
        assert (access_request.state, access_request.collecting_since) == (State.DRAFT, None)
        for each in (bea, cy):
            assert messages_to(each.email)[-1] == "invitation_closed"
        with pytest.raises(Conflict, match="stopped this signing"):
            cosigning.cosign(**cosignature(cy, token=token, code="1"))
        drafts.save(
            access_request_id=access_request.pk,
            by=first.signer,
            revision=access_request.revision,
            answers={"department": "Seals"},
        )
        access_request.refresh_from_db()
        second = signed_by_all(access_request)
        assert access_request.state == State.SUBMITTED
        assert waiting().get() == second

    def test_a_request_that_ends_voids_what_is_collected(self):
        access_request = ready_together("Bea Sterna")
        agreement = collect(access_request)
        withdrawing.withdraw(access_request_id=access_request.pk, by=agreement.signer)
        assert AgreementVoid.objects.get().agreement == agreement
        assert not waiting().exists()
        assert messages_to("bea@harbour.example")[-1] == "invitation_closed"

    def test_a_returned_request_is_collected_for_again(self):
        access_request = ready_together("Bea Sterna")
        signed_by_all(access_request)
        put(access_request, State.RETURNED)
        second = signed_by_all(access_request)
        assert access_request.state == State.SUBMITTED
        assert set(waiting()) >= {second}


def test_a_newer_text_meanwhile_changes_nothing_for_those_who_are_asked():
    """All sign the same agreement: the version that the applicant signed."""
    access_request = ready_together("Bea Sterna")
    agreement = collect(access_request)
    publish_text(access_request.dataset, number=9, body=TEXT_FOR_ALL.replace("not feed", "feed"))
    cosigning.cosign(**cosignature(agreement.signatories.get()))
    access_request.refresh_from_db()
    assert access_request.state == State.SUBMITTED
