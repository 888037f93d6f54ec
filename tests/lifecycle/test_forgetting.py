"""Taking a person out: what goes, what stays and why, and who is left alone."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from requests_app.agreements.models import Agreement
from requests_app.audit import checkpoints, exporting, kinds, log, outsider
from requests_app.audit.models import Entry, PersonalValue
from requests_app.audit.origin import Origin, acting_from
from requests_app.errors import Conflict, Invalid, NotFound
from requests_app.identity.models import User
from requests_app.lifecycle import forgetting
from requests_app.lifecycle.forgetting import forget
from requests_app.notifications.models import Message
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State
from tests.factories.cosigning import collect, ready_together
from tests.factories.distribution import make_access_token
from tests.factories.requests import AccessRequestFactory, UserFactory, staff
from tests.factories.review import granted, put, submitted

pytestmark = pytest.mark.django_db
WHY = "Asked to be forgotten."


def recorded(kind: str, *, by: log.Audited, on: log.Audited, **details: str) -> Entry:
    with acting_from(Origin(ip="192.0.2.7", user_agent="Firefox on a pier")):
        return log.record(kind, by=by, on=on, **details)


def fields_left(entry: Entry) -> set[str]:
    return set(PersonalValue.objects.filter(entry=entry).values_list("field", flat=True))


def test_of_somebody_who_never_signed_nothing_stays():
    draft = AccessRequestFactory(legal_name="Ada Larus", purpose="Secret plans")
    draft.named_people.create(name="Bea", email="bea@pier.example")
    ada = draft.applicant
    created = recorded(kinds.ACCOUNT_CREATED, by=log.ANYONE, on=ada, email=ada.email)
    acted = recorded(kinds.REQUEST_STARTED, by=ada, on=draft)
    message = Message.objects.create(recipient=ada.email, trail=draft.audit_trail)
    told = log.record(kinds.MESSAGE_SENT, by=log.SYSTEM, on=message, recipient=ada.email)

    done = forget(user_id=ada.pk, by=log.OPERATOR, reason=WHY)

    assert done.kept == []
    draft.refresh_from_db()
    assert (draft.legal_name, draft.purpose, draft.email, draft.statements) == ("", "", "", [])
    assert not draft.named_people.exists()
    assert not Message.objects.filter(recipient=ada.email).exists()
    assert not User.objects.filter(email=ada.email).exists()
    assert fields_left(created) == fields_left(acted) == fields_left(told) == set()
    kinds_after = list(Entry.objects.order_by("pk").values_list("kind", flat=True))[-2:]
    assert kinds_after == [kinds.PERSONAL_VALUES_ERASED, kinds.ACCOUNT_PSEUDONYMISED]


def test_a_signed_agreement_is_kept_for_its_term_with_the_reason_and_what_it_stands_on():
    grant = granted()
    grant.revoked_at = timezone.now()
    grant.save()
    access_request, ada = grant.access_request, grant.applicant
    signed = recorded(
        kinds.AGREEMENT_SIGNED, by=ada, on=access_request, typed_name=access_request.legal_name
    )

    done = forget(user_id=ada.pk, by=log.OPERATOR, reason=WHY)

    [kept] = done.kept
    assert kept.number == grant.agreement.number
    assert kept.until > timezone.now() + timedelta(days=9 * 365)
    assert kept.number in kept.why
    access_request.refresh_from_db()
    assert access_request.legal_name
    assert Agreement.objects.get(pk=grant.agreement_id).values["applicant_name"]
    assert fields_left(signed) == {"typed_name"}
    erased = Entry.objects.get(kind=kinds.PERSONAL_VALUES_ERASED)
    assert erased.details["kept"] == {access_request.audit_trail: kept.why}


def test_the_log_holds_before_and_after_a_person_is_forgotten(capsys):
    """Every hash, every proof handed out, and what was exported before are as they were."""
    grant = granted()
    grant.revoked_at = timezone.now()
    grant.save()
    ada, draft = grant.applicant, AccessRequestFactory()
    recorded(kinds.AGREEMENT_SIGNED, by=ada, on=grant.access_request, typed_name="Ada Larus")
    recorded(kinds.GRANT_REVOKED, by=log.SYSTEM, on=grant, reason="Ada left")
    sent = recorded(
        kinds.EMAIL_VERIFIED, by=draft.applicant, on=draft.applicant, email="b@x.example"
    )
    before = checkpoints.seal()
    whole, receipt = list(Entry.objects.order_by("pk").values()), checkpoints.receipt(sent.pk)
    exported = list(exporting.lines(Entry.objects.all(), "jsonl"))

    for person in (ada, draft.applicant):
        assert forget(user_id=person.pk, by=log.OPERATOR, reason=WHY).values
    checkpoints.seal()

    assert list(Entry.objects.order_by("pk").values())[: len(whole)] == whole
    call_command("audit_verify", "--key", before.vkey)
    assert "holds" in capsys.readouterr().out
    key = outsider.parse_key(before.vkey)
    assert checkpoints.receipt(sent.pk).leaf == receipt.leaf
    assert outsider.check_export(exported, key).proved == len(whole)
    after = list(exporting.lines(Entry.objects.all(), "jsonl"))
    held = outsider.check_export(after, key)
    assert (held.proved, held.unproved) == (Entry.objects.count(), 0)
    assert "b@x.example" in "".join(exported)
    assert "b@x.example" not in "".join(after)


def test_the_log_holds_after_a_night_of_erasing_what_is_too_old(settings, capsys):
    settings.RETAIN_NETWORK_DAYS = settings.RETAIN_CONTACT_DAYS = 0
    ada = UserFactory()
    recorded(kinds.EMAIL_VERIFIED, by=ada, on=ada, email=ada.email)
    checkpoints.seal()
    done = forgetting.apply_retention()
    assert (done["network"], done["contact"]) == (2, 1)
    checkpoints.seal()
    call_command("audit_verify", "--json")
    assert json.loads(capsys.readouterr().out)["entries"] == Entry.objects.count() == 3


def test_when_the_term_is_over_the_answers_go_too(settings):
    settings.RETAIN_AGREEMENT_DAYS = 0
    grant = granted()
    grant.revoked_at = grant.ends_at = timezone.now()
    grant.save()
    assert forget(user_id=grant.applicant.pk, by=log.OPERATOR, reason=WHY).kept == []
    assert AccessRequest.objects.get(pk=grant.access_request_id).legal_name == ""


def test_what_others_wrote_about_others_is_not_theirs_to_erase():
    """An approver who leaves takes their address along, not the reasons they gave."""
    access_request, approver = submitted(), staff()
    entry = recorded(kinds.REQUEST_RETURNED, by=approver, on=access_request, reason="Too vague.")
    forget(user_id=approver.pk, by=log.OPERATOR, reason=WHY)
    assert fields_left(entry) == {"reason"}


def test_what_they_called_their_access_tokens_goes():
    grant = granted()
    token, other = make_access_token(grant, name="Ada's laptop")[0], make_access_token()[0]
    grant.revoked_at = timezone.now()
    grant.save()
    forget(user_id=grant.applicant_id, by=log.OPERATOR, reason=WHY)
    token.refresh_from_db()
    other.refresh_from_db()
    assert (token.name, other.name) == ("", "cluster")


@pytest.mark.parametrize("state", [State.SUBMITTED, State.RETURNED])
def test_nobody_is_forgotten_while_a_request_waits(state):
    access_request = put(submitted(), state)
    with pytest.raises(Conflict, match="waits"):
        forget(user_id=access_request.applicant_id, by=log.OPERATOR, reason=WHY)
    assert AccessRequest.objects.get().legal_name


def test_nobody_is_forgotten_while_they_may_fetch():
    with pytest.raises(Conflict, match="grant"):
        forget(user_id=granted().applicant_id, by=log.OPERATOR, reason=WHY)


def test_a_reason_is_asked_for_and_an_unknown_account_named():
    user = UserFactory()
    with pytest.raises(Invalid, match="without naming"):
        forget(user_id=user.pk, by=log.OPERATOR, reason=" ")
    with pytest.raises(NotFound):
        forget(user_id=0, by=log.OPERATOR, reason=WHY)
    assert User.objects.get(pk=user.pk).pseudonymised_at is None


def idle(user: User) -> User:
    User.objects.filter(pk=user.pk).update(date_joined=timezone.now() - timedelta(days=4 * 365))
    return user


def test_at_night_idle_accounts_are_closed_and_the_others_left_alone():
    gone = idle(AccessRequestFactory().applicant)
    waiting = idle(submitted().applicant)
    holder = idle(granted().applicant)
    maintainer = idle(staff())
    recent = UserFactory()
    assert forgetting.apply_retention()["accounts"] == 1
    closed = User.objects.exclude(pseudonymised_at=None)
    assert set(closed) == {gone}
    assert {waiting, holder, maintainer, recent} <= set(User.objects.filter(is_active=True))
    assert forgetting.apply_retention()["accounts"] == 0


def test_somebody_who_signed_in_lately_is_not_idle():
    user = idle(UserFactory())
    user.last_login = timezone.now()
    user.save()
    assert not forgetting.idle_accounts().exists()


def test_at_night_messages_sent_long_ago_leave_the_outbox(settings):
    settings.RETAIN_CONTACT_DAYS = 10
    now = timezone.now()
    for sent_at in (now - timedelta(days=11), now - timedelta(days=9), None):
        Message.objects.create(recipient="a@b.example", sent_at=sent_at)
    assert forgetting.apply_retention()["messages"] == 1
    assert Message.objects.count() == 2


def test_the_command_says_what_was_erased_and_what_stays():
    grant = granted()
    grant.revoked_at = timezone.now()
    grant.save()
    out = StringIO()
    call_command("forget_person", grant.applicant.email, "--reason", WHY, stdout=out)
    assert grant.agreement.number in out.getvalue()
    with pytest.raises(CommandError, match="no account"):
        call_command("forget_person", grant.applicant.email, "--reason", WHY, stdout=out)


def test_nobody_is_forgotten_while_others_have_yet_to_sign_with_them():
    access_request = ready_together("Bea Sterna")
    collect(access_request)
    idle(access_request.applicant)
    with pytest.raises(Conflict, match="waits"):
        forget(user_id=access_request.applicant_id, by=log.OPERATOR, reason=WHY)
    assert not forgetting.idle_accounts().exists()
