"""What is left of a person in any table, looked for as somebody would who wants to find it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from requests_app.agreements.signatories import Signatory, SignatoryExit
from requests_app.audit import checkpoints, erasure, kinds, log, verifying
from requests_app.audit.models import Entry, PersonalValue
from requests_app.audit.origin import Origin, acting_from
from requests_app.distribution.models import Grant
from requests_app.distribution.policy import set_networks
from requests_app.distribution.settling import Ending, settle
from requests_app.distribution.transfers import Outcome
from requests_app.errors import Conflict
from requests_app.identity import sessions
from requests_app.identity.models import User
from requests_app.lifecycle import forgetting
from requests_app.lifecycle.forgetting import forget, forget_address
from requests_app.lifecycle.revocation import revoke_grant
from requests_app.notifications.models import Message
from requests_app.requests.models import NamedPerson
from requests_app.review.models import Decision
from tests.admin.places import at
from tests.factories.cosigning import collect, ready_together
from tests.factories.distribution import make_link
from tests.factories.identity import PASSWORD, ApplicantFactory
from tests.factories.requests import AccessRequestFactory, UserFactory, approver, auditor
from tests.factories.review import granted, put, submitted
from tests.factories.transfers import make_transfer
from tests.web.test_accounts import LOGIN, RESET, code_mailed_to, confirm, sign_up

WHY = "Asked to be forgotten."
ADA = "ada.larus@monash.edu"


@pytest.fixture(autouse=True)
def _no_limits_left_over() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def left(*needles: str) -> set[tuple[str, str]]:
    """The models and columns in which one of the words can still be read."""
    found = set()
    for model in apps.get_models():
        for row in model._base_manager.values():
            for name, value in row.items():
                readable = isinstance(value, bytes | memoryview)
                text = bytes(value).decode("latin1") if readable else str(value)
                if any(each.casefold() in text.casefold() for each in needles):
                    found.add((model.__name__, name))
    for session in Session.objects.all():
        text = json.dumps(session.get_decoded(), default=str)
        if any(each in text for each in needles):
            found.add(("Session", "decoded"))
    return found


def revoked(**fields: object) -> Grant:
    grant = granted(**fields)
    by = approver(grant.dataset)
    set_networks(grant_id=grant.pk, networks="192.0.2.77", by=by)
    revoke_grant(
        access_request_id=grant.access_request_id,
        grant_id=grant.pk,
        by=by,
        reason="Ada Larus-Skua misused it.",
    )
    return grant


@pytest.mark.django_db(transaction=True)
def test_of_somebody_who_signed_up_and_was_looked_for_nothing_can_be_read():
    visitor = Client()
    sign_up(visitor, ADA)
    confirm(visitor, code_mailed_to(ADA))
    Client().post(LOGIN, {"login": ADA, "password": "wrong-wrong"})
    Client().post(LOGIN, {"login": ADA.upper(), "password": PASSWORD})
    Client().post(RESET, {"email": ADA})
    staff = Client()
    staff.force_login(auditor())
    for term in (ADA, "Ada.Larus@", "ada.larus"):
        staff.get(at("entry_changelist"), {"q": term})
        list(staff.get(at("entry_export", "csv"), {"q": f"  {term} "}))
    staff.get(at("entry_changelist"), {"q": "bea"})
    assert ("Session", "decoded") in left(ADA)

    forget(user_id=User.objects.get(email=ADA).pk, by=log.OPERATOR, reason=WHY)

    assert left("ada.larus") == set()
    queries = PersonalValue.objects.filter(field="query").values_list("value", flat=True)
    assert list(queries) == ["q=bea"]  # what staff looked for otherwise is not theirs


@pytest.mark.django_db(transaction=True)
def test_where_they_mistyped_their_password_from_goes_and_their_address_with_a_tag():
    grebe = {"REMOTE_ADDR": "203.0.113.77", "HTTP_USER_AGENT": "Grebe/7"}
    ada = ApplicantFactory(email=ADA)
    for typed in (ADA, "Ada.Larus+gulls@monash.edu", "bea@monash.edu"):
        Client().post(LOGIN, {"login": typed, "password": "wrong-wrong"}, **grebe)
    staff = Client()
    staff.force_login(auditor())
    staff.get(at("entry_changelist"), {"q": "ada.larus+gulls@monash.edu"})
    Message.objects.create(recipient="ada.larus+gulls@monash.edu", name="x", subject="s")
    forget(user_id=ada.pk, by=log.OPERATOR, reason=WHY)
    assert left("ada.larus") == set()
    refused = Entry.objects.filter(kind=kinds.SIGN_IN_FAILED)
    told = [set(each.personal_values.values_list("field", flat=True)) for each in refused]
    assert sorted(told, key=len) == [set(), set(), {"email", "ip", "user_agent"}]


@pytest.mark.django_db
def test_where_they_made_the_portal_act_from_goes_too():
    with acting_from(Origin("203.0.113.77", "Grebe/7")):
        collect(access_request := ready_together("Bea Sterna"))
    invited = Entry.objects.get(kind=kinds.SIGNATORY_INVITED)
    assert invited.actor == log.SYSTEM.audit_ref
    access_request.state, access_request.collecting_since = "withdrawn", None
    access_request.save()
    forget(user_id=access_request.applicant_id, by=log.OPERATOR, reason=WHY)
    assert not PersonalValue.objects.filter(field__in=("ip", "user_agent")).exists()


@pytest.mark.django_db
def test_a_transfer_that_ends_later_tells_no_more_where_it_went():
    grant = revoked()
    link, _ = make_link(grant)
    transfer = make_transfer(link, ip="203.0.113.77", user_agent="Grebe/7")
    forget(user_id=grant.applicant_id, by=log.OPERATOR, reason=WHY)
    settle([Ending(transfer.pk, 7, Outcome.CUT)])
    assert Entry.objects.get(kind=kinds.FILE_DOWNLOADED).details["bytes"] == 7
    assert left("203.0.113.77", "Grebe/7") == set()


@pytest.mark.django_db
def test_an_agreement_is_kept_from_when_its_grant_really_ended(settings):
    settings.RETAIN_AGREEMENT_DAYS = 0
    grant = revoked()
    assert forget(user_id=grant.applicant_id, by=log.OPERATOR, reason=WHY).kept == []


@pytest.mark.django_db
def test_messages_to_an_address_of_long_ago_go_and_no_subject_names_them():
    access_request = submitted(legal_name="Ada Larus-Skua")
    ada, old = access_request.applicant, "ada@old.example"
    with transaction.atomic():
        log.record(kinds.EMAIL_CHANGED, by=ada, on=ada, email=old)
    Message.objects.create(recipient=old.upper(), name="x", trail="", subject="s")
    to_maintainer = Message.objects.create(
        recipient="m@lab.example",
        trail=access_request.audit_trail,
        subject="To review: Ada Larus-Skua, Pier",
    )
    put(access_request, "rejected")
    forget(user_id=ada.pk, by=log.OPERATOR, reason=WHY)
    to_maintainer.refresh_from_db()
    assert to_maintainer.subject == "To review: (erased), Pier"
    assert not Message.objects.filter(recipient__iexact=old).exists()
    assert not PersonalValue.objects.filter(value=old).exists()


@pytest.mark.django_db
def test_networks_go_at_once_and_words_with_the_agreement(settings):
    grant = revoked()
    forget(user_id=grant.applicant_id, by=log.OPERATOR, reason=WHY)
    assert left("192.0.2.77") == set()
    assert ("Grant", "revoked_reason") in left("Larus-Skua")  # its agreement is kept
    settings.RETAIN_AGREEMENT_DAYS = 0
    other = revoked()
    Grant.objects.filter(pk=other.pk).update(ends_at=timezone.now())
    forget(user_id=other.applicant_id, by=log.OPERATOR, reason=WHY)
    other.refresh_from_db()
    assert (other.networks, other.revoked_reason) == ("", "")
    assert other.access_request.decisions.get().reason == ""


@pytest.mark.django_db
def test_the_reason_of_the_erasure_is_no_public_field_and_goes_in_its_time(settings):
    settings.RETAIN_WORDS_DAYS = 10
    user = UserFactory()
    forget(user_id=user.pk, by=log.OPERATOR, reason="Ada Larus-Skua wrote to us.")
    assert left("Larus-Skua") == {("PersonalValue", "value")}
    with time_machine.travel(timezone.now() + timedelta(days=11)):
        forgetting.apply_retention()
    assert left("Larus-Skua") == set()


@pytest.mark.django_db
def test_at_night_the_words_of_decisions_go_when_the_logs_do(settings):
    settings.RETAIN_WORDS_DAYS, settings.RETAIN_NETWORK_DAYS = 100, 10
    grant = revoked()
    decision = grant.access_request.decisions.get()
    now = timezone.now()
    for days, networks, reason in (
        (9, "192.0.2.77/32", "Because."),
        (11, "", "Because."),
        (101, "", ""),
    ):
        with time_machine.travel(now + timedelta(days=days)):
            forgetting.apply_retention()
        decision.refresh_from_db()
        grant.refresh_from_db()
        assert (grant.networks, decision.reason) == (networks, reason)
    assert (decision.private_note, grant.revoked_reason) == ("", "")
    assert decision.verb == "approve"
    rows = Entry.objects.filter(kind=kinds.WORDS_ERASED).order_by("pk")
    assert [entry.details["count"] for entry in rows] == [1, 2]
    with time_machine.travel(now + timedelta(days=102)):
        assert forgetting.apply_retention()["rows"] == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", [{"reason": "Another."}, {"reason": "", "verb": "reject"}, {"private_note": "More."}]
)
def test_of_a_decision_nothing_changes_but_its_words_to_nothing(change):
    granted()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Decision.objects.update(**change)
    Decision.objects.update(reason="", private_note="")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Decision.objects.update(reason="Because.")


@pytest.mark.django_db
def test_at_night_a_forgotten_persons_request_is_emptied_once_its_agreement_need_not_be_kept(
    settings,
):
    grant = revoked(legal_name="Ada Larus-Skua")
    forget(user_id=grant.applicant_id, by=log.OPERATOR, reason=WHY)
    assert forgetting.apply_retention()["requests"] == 0
    assert ("AccessRequest", "legal_name") in left("Larus-Skua")
    settings.RETAIN_AGREEMENT_DAYS = 0
    Grant.objects.update(ends_at=timezone.now())
    assert forgetting.apply_retention()["requests"] == 1
    assert {model for model, _ in left("Larus-Skua")} <= {"Agreement", "Signatory", "PersonalValue"}
    assert Entry.objects.get(kind=kinds.WORDS_ERASED).subject == grant.access_request.audit_ref


@pytest.mark.django_db
def test_sessions_that_are_over_leave_their_table_at_night():
    client = Client()
    client.force_login(UserFactory())
    Session.objects.create(session_key="a", session_data="", expire_date=timezone.now())
    forgetting.apply_retention()
    assert list(Session.objects.values_list("pk", flat=True)) == [client.session.session_key]
    sessions.end(user=None, addresses=())
    assert Session.objects.count() == 1


BEA = "bea@harbour.example"


@pytest.mark.django_db
def test_who_was_named_without_an_account_is_forgotten_by_address():
    draft = AccessRequestFactory(signatory_name="Bea Sterna", signatory_email=BEA.upper())
    draft.named_people.create(name="Bea Sterna", email=BEA)
    draft.named_people.create(name="Cy", email="cy@harbour.example")
    Message.objects.create(recipient=BEA, trail=draft.audit_trail, subject="Please sign")
    with transaction.atomic():
        log.record(kinds.SIGN_IN_FAILED, by=log.ANYONE, on=log.ANYONE, email=BEA)
    out = StringIO()
    call_command("forget_person", BEA, "--reason", WHY, stdout=out)
    assert "There was no account; 1 values were erased" in out.getvalue()
    assert left("Bea Sterna", BEA) == set()
    assert list(draft.named_people.values_list("name", flat=True)) == ["Cy"]
    entry = Entry.objects.get(kind=kinds.PERSONAL_VALUES_ERASED)
    assert entry.personal_values.get(field="reason").value == WHY
    with pytest.raises(CommandError, match="no account"):
        call_command("forget_person", BEA, "--reason", WHY, stdout=out)


@pytest.mark.django_db
def test_who_was_invited_to_sign_is_forgotten_but_for_the_agreement(settings):
    access_request = ready_together("Bea Sterna")
    collect(access_request)
    signatory = Signatory.objects.get(email=BEA)
    log.record(
        kinds.AGREEMENT_COSIGNED, by=signatory, on=signatory.agreement, typed_name="Bea Sterna"
    )
    with pytest.raises(Conflict, match="waits"):
        forget_address(address=BEA, by=log.OPERATOR, reason=WHY)
    access_request.state, access_request.collecting_since = "withdrawn", None
    access_request.save()
    done = forget_address(address=BEA.upper(), by=log.OPERATOR, reason=WHY)
    assert [each.number for each in done.kept] == [signatory.agreement.number]
    # What stays is the agreement itself, and the answers that it was made of.
    stays = {"Agreement", "Signatory"}
    assert {model for model, _ in left("Bea Sterna", BEA)} == {
        *stays, "NamedPerson", "PersonalValue",
    }  # fmt: skip
    assert PersonalValue.objects.get(value="Bea Sterna").field == "typed_name"
    assert not PersonalValue.objects.filter(entry__subject=signatory.audit_ref).exists()
    settings.RETAIN_AGREEMENT_DAYS = 0
    assert forget_address(address=BEA, by=log.OPERATOR, reason=WHY).kept == []
    assert {model for model, _ in left("Bea Sterna", BEA)} == stays


@pytest.mark.django_db
def test_who_has_an_account_is_taken_out_of_the_requests_of_others_too():
    bea = ApplicantFactory(email=BEA, full_name="Bea Sterna")
    draft = AccessRequestFactory(signatory_name="Bea Sterna", signatory_email=BEA.upper())
    draft.named_people.create(name="Bea Sterna", email=BEA)
    draft.named_people.create(name="Cy", email="cy@harbour.example")
    letter = Message.objects.create(
        recipient="m@lab.example", trail=draft.audit_trail, subject="Bea Sterna has signed"
    )
    forget(user_id=bea.pk, by=log.OPERATOR, reason=WHY)
    assert left("Bea Sterna", BEA) == set()
    assert list(draft.named_people.values_list("name", flat=True)) == ["Cy"]
    letter.refresh_from_db()
    assert letter.subject == "(erased) has signed"


@pytest.mark.django_db
def test_who_has_an_account_and_uses_data_of_others_is_not_forgotten_nor_closed_at_night():
    grant = granted()
    bea = ApplicantFactory(email=BEA)
    User.objects.filter(pk=bea.pk).update(date_joined=timezone.now() - timedelta(days=9999))
    NamedPerson.objects.create(access_request=grant.access_request, name="Bea", email=BEA)
    with pytest.raises(Conflict, match="under a grant"):
        forget(user_id=bea.pk, by=log.OPERATOR, reason=WHY)
    assert forgetting.apply_retention()["accounts"] == 0
    bea.refresh_from_db()
    assert bea.pseudonymised_at is None


@pytest.mark.django_db
def test_why_they_did_not_sign_goes_with_them_where_no_agreement_is_kept(settings):
    settings.RETAIN_AGREEMENT_DAYS = 0
    collect(access_request := ready_together("Bea Sterna"))
    signatory = Signatory.objects.get(email=BEA)
    SignatoryExit.objects.create(signatory=signatory, kind="declined", reason="Bea is ill.")
    access_request.state, access_request.collecting_since = "withdrawn", None
    access_request.save()
    forget_address(address=BEA, by=log.OPERATOR, reason=WHY)
    assert left("Bea is ill") == set()


@pytest.mark.django_db
def test_whoever_has_an_account_or_uses_data_is_not_forgotten_by_address_alone():
    with pytest.raises(Conflict, match="an account"):
        forget_address(address=ApplicantFactory().email, by=log.OPERATOR, reason=WHY)
    grant = granted()
    NamedPerson.objects.create(access_request=grant.access_request, name="Bea", email=BEA)
    with pytest.raises(Conflict, match="under a grant"):
        forget_address(address=BEA, by=log.OPERATOR, reason=WHY)


@pytest.mark.django_db
def test_after_every_erasure_the_log_holds_and_nothing_is_missed(settings):
    settings.RETAIN_CONTACT_DAYS = 10
    with time_machine.travel(timezone.now() - timedelta(days=11)):
        log.record(kinds.MESSAGE_SENT, by=log.SYSTEM, on=log.Named("message:1"), recipient=ADA)
    grant = revoked()
    draft = AccessRequestFactory()
    draft.named_people.create(name="Bea Sterna", email=BEA)
    log.record(kinds.SIGN_IN_FAILED, by=log.ANYONE, on=log.ANYONE, email=BEA)
    checkpoints.seal()
    erasure.erase_overdue()
    forget(user_id=grant.applicant_id, by=log.OPERATOR, reason=WHY)
    forget_address(address=BEA, by=log.OPERATOR, reason=WHY)
    checkpoints.seal()
    held = verifying.verify(progress=lambda done, total: None)
    assert held.entries == Entry.objects.count()
    assert erasure.missing_unexplained() == 0
    PersonalValue.objects.filter(field="reason").first().delete()
    assert erasure.missing_unexplained() == 1
