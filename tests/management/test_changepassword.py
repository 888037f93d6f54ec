"""A password that an operator sets is in the log, and its person is told."""

import pytest
from django.core.management import CommandError, call_command

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.management.commands import changepassword
from requests_app.notifications.models import Message
from tests.factories.identity import PASSWORD, ApplicantFactory

pytestmark = pytest.mark.django_db

OTHER = "another horse battery staple"


@pytest.fixture
def user(monkeypatch):
    typed(monkeypatch, OTHER, OTHER)
    return ApplicantFactory()


def typed(monkeypatch, *words: str) -> None:
    said = iter(words)
    monkeypatch.setattr(changepassword, "getpass", lambda prompt: next(said))


def test_a_password_set_by_an_operator_is_an_entry_and_a_message(user, capsys):
    call_command("changepassword", user.email.upper())
    user.refresh_from_db()
    assert user.check_password(OTHER)
    assert f"{user.audit_ref} has a new password" in capsys.readouterr().out
    entry = Entry.objects.get(kind=kinds.PASSWORD_CHANGED)
    assert (entry.actor, entry.subject, entry.details) == (
        "operator",
        user.audit_ref,
        {"how": "set"},
    )
    assert Message.objects.get().recipient == user.email


def test_without_its_entry_there_is_no_other_password(user, monkeypatch):
    monkeypatch.delitem(kinds.KINDS, kinds.PASSWORD_CHANGED)
    with pytest.raises(KeyError):
        call_command("changepassword", user.email)
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("words", "says"), [((OTHER, PASSWORD), "differ"), (("gulls", "gulls"), "too short")]
)
def test_what_is_no_password_is_said_to_be_none(user, monkeypatch, words, says):
    typed(monkeypatch, *words)
    with pytest.raises(CommandError, match=says):
        call_command("changepassword", user.email)
    assert not Entry.objects.exists()


def test_an_address_without_an_account_is_told(user):
    with pytest.raises(CommandError, match="no account"):
        call_command("changepassword", "nobody@monash.edu")
