"""The first superuser comes from the command line, and from nowhere unrecorded."""

import pytest
from django.core.management import call_command

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.identity.models import User
from requests_app.identity.roles import roles_of

pytestmark = pytest.mark.django_db


def test_a_superuser_made_on_the_command_line_is_in_the_log():
    call_command("createsuperuser", interactive=False, email="Op@Monash.edu", verbosity=0)
    user = User.objects.get(email="op@monash.edu")
    entry = Entry.objects.get(kind=kinds.ROLES_CHANGED)
    assert (entry.actor, entry.subject) == ("operator", user.audit_ref)
    assert entry.details == {"before": [], "after": roles_of(user)}


def test_without_its_entry_there_is_no_superuser(monkeypatch):
    monkeypatch.delitem(kinds.KINDS, kinds.ROLES_CHANGED)
    with pytest.raises(KeyError):
        call_command("createsuperuser", interactive=False, email="op@monash.edu", verbosity=0)
    assert not User.objects.exists()
