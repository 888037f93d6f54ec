"""Searching the log as people ask: for a person, a request, an agreement, a file, a reference."""

import re
from typing import Final
from uuid import UUID

from django.db.models import Q

from requests_app.agreements.models import Agreement
from requests_app.identity.models import User
from requests_app.requests.models import AccessRequest

MOST_PEOPLE: Final = 50
_REFERENCE: Final = re.compile(r"[a-z_]+:[^\s]+")
_NUMBER: Final = re.compile(r"[A-Z0-9][A-Z0-9-]*-\d{4}-\d{6}")


def matching(term: str) -> Q:
    """Returns the condition that an entry is about `term`.

    An e-mail address or name finds what the person did, what was done to their account, and
    everything under their requests; an agreement's number and a request's id find the whole story
    of that request; a path finds the downloads of that file. Anything else is looked for in kinds
    and references.
    """
    term = term.strip()
    if (found := _story(term)) is not None:
        return found
    plain = Q(details__path=term) | Q(subject__icontains=term) | Q(kind__icontains=term)
    return plain | Q(actor=term) | Q(trail=term) | _people(term)


def _story(term: str) -> Q | None:
    """The entries under the one request that a number or an id names; None for other terms."""
    if _NUMBER.fullmatch(term):
        requests = Agreement.objects.filter(number=term).values_list("access_request", flat=True)
        return Q(subject=f"agreement:{term}") | _under(list(requests))
    try:
        return _under([UUID(term)]) | Q(subject__endswith=f":{term.lower()}")
    except ValueError:
        return None


def _people(term: str) -> Q:
    if _REFERENCE.fullmatch(term) or len(term) < 3:
        return Q()
    known = Q(email__icontains=term) | Q(full_name__icontains=term)
    named = AccessRequest.objects.filter(Q(legal_name__icontains=term) | Q(email__icontains=term))
    people = set(User.objects.filter(known).values_list("pk", flat=True)[:MOST_PEOPLE])
    people |= set(named.values_list("applicant", flat=True)[:MOST_PEOPLE])
    if not people:
        return Q()
    refs = [f"user:{pk}" for pk in people]
    theirs = AccessRequest.objects.filter(applicant__in=people).values_list("pk", flat=True)
    return Q(actor__in=refs) | Q(subject__in=refs) | _under(list(theirs))


def _under(requests: list[UUID]) -> Q:
    return Q(trail__in=[f"access_request:{pk}" for pk in requests])
