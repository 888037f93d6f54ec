"""A new version: asking for it, the letters, the suspension, and the signature that lifts it."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection
from django.utils import timezone

from requests_app.agreements import documents
from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution.access import in_force, standing
from requests_app.distribution.links import renew_link
from requests_app.distribution.models import Reconsent, ReconsentCampaign, ReconsentNotice
from requests_app.distribution.reconsents import stands_on
from requests_app.distribution.verdicts import Verdict
from requests_app.errors import Conflict, Invalid, NotFound, Refused
from requests_app.lifecycle.reconsent import earliest_deadline, sign_anew, start_campaign
from requests_app.lifecycle.reconsent_notices import Kind, give_notice, kind_at, waiting
from requests_app.lifecycle.sweep import sweep
from requests_app.lifecycle.withdrawing import withdraw
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import as_email
from requests_app.requests.states import State
from tests.factories.agreements import publish_text, signature, text_source
from tests.factories.file_database import file_database
from tests.factories.reconsents import campaign_for, long_standing
from tests.factories.requests import UserFactory, approver, auditor, reviewer, superuser
from tests.factories.review import granted

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def standing_long(**fields):
    """A grant that began long ago; its holder's address is verified."""
    grant = long_standing(granted(**fields))
    EmailAddress.objects.get_or_create(
        user=grant.applicant, email=grant.applicant.email, verified=True, primary=True
    )
    return grant


def ask(text, by, **changes):
    arguments = {"last_day": earliest_deadline(), "reason": "Counsel asked for it."}
    return start_campaign(text_id=text.pk, by=by, **(arguments | changes))


def sign(grant, **changes):
    arguments = signature(grant.access_request, **changes)
    del arguments["access_request_id"]
    return sign_anew(grant_id=grant.pk, **arguments)


def suspended():
    grant = standing_long()
    campaign_for(grant, days=-1)
    return grant


def letters(grant):
    return [notice.kind for notice in grant.reconsent_notices.all()]


class TestAsking:
    def test_every_holder_under_an_older_version_gets_a_letter_with_deadline_and_link(
        self, django_capture_on_commit_callbacks
    ):
        grant, _ = standing_long(), granted()
        text = publish_text(grant.dataset, 2, text_source("may draw"))
        with django_capture_on_commit_callbacks(execute=True):
            campaign = ask(text, approver(grant.dataset))
        (letter,) = mail.outbox
        assert letter.to == [grant.applicant.email]
        assert f"/requests/{grant.access_request_id}/sign-anew/" in letter.body
        assert f"{campaign.deadline:%-d %B %Y}" in letter.body
        assert "Counsel asked for it." in letter.body
        entry = Entry.objects.get(kind=kinds.RECONSENT_STARTED)
        assert entry.details["text"] == text.audit_ref
        assert entry.details["grants"] == 1
        assert in_force(grant, timezone.now())

    def test_there_are_two_weeks_at_least(self):
        grant = standing_long()
        text = publish_text(grant.dataset, 2, text_source("may draw"))
        with pytest.raises(Invalid) as raised:
            ask(text, approver(grant.dataset), last_day=earliest_deadline() - timedelta(days=1))
        assert list(raised.value.fields) == ["last_day"]
        assert ask(text, approver(grant.dataset)).deadline - timezone.now() >= timedelta(days=14)

    def test_a_reason_is_required(self):
        grant = standing_long()
        text = publish_text(grant.dataset, 2, text_source("may draw"))
        with pytest.raises(Invalid):
            ask(text, approver(grant.dataset), reason=" ")
        assert not ReconsentCampaign.objects.exists()

    @pytest.mark.parametrize(
        "make", [reviewer, lambda d: approver(), lambda d: auditor(), lambda d: superuser()]
    )
    def test_only_approvers_of_the_dataset_ask(self, make):
        grant = standing_long()
        text = publish_text(grant.dataset, 2, text_source("may draw"))
        with pytest.raises(Refused):
            ask(text, make(grant.dataset))

    def test_it_is_asked_once_for_the_version_in_force_and_not_for_the_first(self):
        grant = standing_long()
        by, first = approver(grant.dataset), grant.agreement.text
        with pytest.raises(Conflict, match="first version"):
            ask(first, by)
        second = publish_text(grant.dataset, 2, text_source("may draw"))
        ask(second, by)
        with pytest.raises(Conflict, match="already"):
            ask(second, by)
        publish_text(grant.dataset, 3, text_source("may paint"))
        with pytest.raises(Conflict, match="newer"):
            ask(second, by)
        with pytest.raises(NotFound):
            start_campaign(text_id=0, by=by, last_day=earliest_deadline(), reason="None.")


class TestLetters:
    @pytest.mark.parametrize(
        ("left", "kind"),
        [
            (timedelta(days=14), Kind.ANNOUNCED),
            (timedelta(days=7, seconds=1), Kind.ANNOUNCED),
            (timedelta(days=7), Kind.WEEK),
            (timedelta(days=1, seconds=1), Kind.WEEK),
            (timedelta(days=1), Kind.DAY),
            (6 * HOUR, None),
            (timedelta(seconds=1), None),
            (timedelta(0), Kind.SUSPENDED),
        ],
    )
    def test_which_letter_is_due_follows_from_the_clock(self, left, kind):
        now = timezone.now()
        assert kind_at(now, now + left) is kind

    @pytest.mark.parametrize(
        ("days", "kind"), [(20, "announced"), (6, "week"), (0.9, "day"), (-1, "suspended")]
    )
    def test_the_sweep_finds_what_is_due_and_it_is_sent_once(self, days, kind):
        grant = standing_long()
        campaign_for(grant, days=days)
        for found in (1, 0):
            assert sweep()["reconsents"] == found
            give_notice(grant_id=grant.pk)
        assert letters(grant) == [kind]
        assert Message.objects.filter(recipient=grant.applicant.email).count() == 1

    def test_a_lost_or_doubled_task_loses_and_doubles_nothing(self):
        grant = standing_long()
        campaign_for(grant)
        assert [each.pk for each in waiting()] == [grant.pk]
        for _ in range(3):
            give_notice(grant_id=grant.pk)
        assert letters(grant) == ["announced"]
        assert not waiting().exists()

    def test_nobody_is_reminded_hours_before(self):
        grant = standing_long()
        campaign_for(grant, days=0.2)
        assert give_notice(grant_id=grant.pk) is None

    def test_the_suspension_is_told_and_entered_once(self):
        grant = suspended()
        for _ in range(2):
            give_notice(grant_id=grant.pk)
        assert (
            Entry.objects.filter(kind=kinds.GRANT_SUSPENDED, subject=grant.audit_ref).count() == 1
        )
        letter = as_email(Message.objects.get(recipient=grant.applicant.email))
        assert "suspended" in letter.subject

    def test_a_grant_that_began_late_has_its_own_two_weeks(self):
        grant = granted()
        campaign_for(grant, days=1)
        assert give_notice(grant_id=grant.pk).kind == "announced"
        assert in_force(grant, timezone.now() + timedelta(days=13))
        assert not in_force(grant, timezone.now() + timedelta(days=14))

    def test_who_has_signed_or_has_no_grant_any_more_gets_no_letter(self):
        signed, over, left = standing_long(), standing_long(), standing_long()
        for grant in (signed, over, left):
            campaign_for(grant)
        sign(signed)
        over.ends_at = timezone.now()
        over.save()
        withdraw(access_request_id=left.access_request_id, by=left.applicant)
        assert not waiting().exists()
        for grant in (signed, over, left):
            assert give_notice(grant_id=grant.pk) is None


class TestSuspension:
    def test_it_begins_at_the_deadline_and_says_to_sign(self):
        grant = standing_long()
        campaign = campaign_for(grant)
        just_before = campaign.deadline - timedelta(microseconds=1)
        assert standing(grant, just_before) is Verdict.ALLOWED
        assert standing(grant, campaign.deadline) is Verdict.GRANT_SUSPENDED

    def test_no_new_link_is_sent_meanwhile(self):
        grant = suspended()
        with pytest.raises(Conflict, match="sign the new version"):
            renew_link(grant_id=grant.pk, by=grant.applicant)

    def test_other_datasets_are_not_touched(self):
        suspended()
        assert in_force(standing_long(), timezone.now())


class TestSigningAnew:
    def test_it_lifts_the_suspension_at_once_and_keeps_the_first_agreement(self):
        grant = suspended()
        first = grant.agreement
        agreement = sign(grant)
        assert in_force(grant, timezone.now())
        assert stands_on(grant) == agreement
        assert agreement.text.number == 2
        grant.refresh_from_db()
        assert grant.agreement == first
        grant.access_request.refresh_from_db()
        assert grant.access_request.state == State.APPROVED
        entry = Entry.objects.get(kind=kinds.AGREEMENT_SIGNED_ANEW)
        assert entry.details["grant"] == str(grant.pk)
        assert entry.details["agreement"] == agreement.number
        assert entry.trail == grant.access_request.audit_trail

    def test_the_copy_says_that_nothing_is_to_be_decided_and_no_maintainer_is_asked(self):
        grant = suspended()
        judge = approver(grant.dataset)
        agreement = sign(grant)
        documents.render_document(agreement_id=agreement.pk)
        letter = as_email(Message.objects.get(recipient=grant.applicant.email))
        assert "stands on this version" in letter.body
        assert "a maintainer reads your request" not in letter.body
        assert not Message.objects.filter(recipient=judge.email).exists()

    def test_the_version_in_force_answers_every_campaign(self):
        grant = suspended()
        campaign_for(grant, days=-0.5)
        sign(grant)
        assert stands_on(grant).text.number == 3
        assert in_force(grant, timezone.now())

    def test_only_the_holder_signs(self):
        grant = suspended()
        for by in (UserFactory(), approver(grant.dataset)):
            with pytest.raises(NotFound):
                sign(grant, by=by)
        assert not Reconsent.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"typed_name": "Somebody Else"}, "typed_name"),
            ({"affirmations": []}, "affirmations"),
            ({"consent_electronic": False}, "consent_electronic"),
        ],
    )
    def test_a_signature_that_lacks_something_is_refused(self, changes, field):
        grant = suspended()
        with pytest.raises(Invalid) as raised:
            sign(grant, **changes)
        assert list(raised.value.fields) == [field]
        assert not in_force(grant, timezone.now())

    def test_a_text_that_changed_meanwhile_is_shown_again(self):
        grant = suspended()
        shown = signature(grant.access_request)
        publish_text(grant.dataset, 3, text_source("may paint"))
        with pytest.raises(Conflict, match="no longer the one you were shown"):
            sign(grant, text_id=shown["text_id"], shown_sha256=shown["shown_sha256"])

    def test_there_is_something_to_sign_only_once_and_only_when_asked(self):
        grant = standing_long()
        publish_text(grant.dataset, 2, text_source("may draw"))
        with pytest.raises(Conflict, match="nothing to sign"):
            sign(grant)
        campaign_for(grant)
        sign(grant)
        with pytest.raises(Conflict, match="nothing to sign"):
            sign(grant)

    def test_a_revoked_grant_is_not_revived(self):
        grant = suspended()
        grant.revoked_at = timezone.now()
        grant.save()
        with pytest.raises(Conflict):
            sign(grant)


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_one_letter(tmp_path, monkeypatch):
    monkeypatch.setattr("requests_app.queue._send", lambda name, ids: None)
    with file_database(tmp_path):
        grant = standing_long()
        campaign_for(grant)
        start = Barrier(2)

        def work():
            try:
                start.wait(timeout=10)
                give_notice(grant_id=grant.pk)
            finally:
                connection.close()

        workers = [Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(timeout=30)
        assert ReconsentNotice.objects.count() == Message.objects.count() == 1
