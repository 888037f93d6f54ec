"""Open sessions: rows that hold who signed in, also the address that was typed to do so."""

import json
from collections.abc import Collection
from importlib import import_module

from django.conf import settings
from django.contrib.sessions.models import Session

from requests_app.identity.models import User


def end(*, user: User | None, addresses: Collection[str]) -> int:
    """Deletes every session of the user, or that holds one of the addresses. Part of a verb."""
    wanted = {address.casefold() for address in addresses}
    found = []
    for session in Session.objects.iterator():
        held = session.get_decoded()
        text = json.dumps(held, default=str, ensure_ascii=False).casefold()
        theirs = user is not None and held.get("_auth_user_id") == str(user.pk)
        if theirs or any(address in text for address in wanted):
            found.append(session.pk)
    return Session.objects.filter(pk__in=found).delete()[0]


def clear_expired() -> None:
    """Deletes the sessions that are over: nothing else does."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
