"""Searching the log as people ask: for a person, a request, an agreement, a file, a reference."""

import json
import re
from typing import Final
from uuid import UUID

from django.db.models import Q

from requests_app.agreements.models import Agreement
from requests_app.agreements.signatories import Signatory
from requests_app.audit.models import PersonalValue
from requests_app.errors import Invalid
from requests_app.identity.models import User
from requests_app.requests.models import AccessRequest

MOST_PEOPLE: Final = 1_000
_REFERENCE: Final = re.compile(r"[a-z_]+:[^\s]+")
_NUMBER: Final = re.compile(r"[A-Z0-9][A-Z0-9-]*-\d{4}-\d{6}")


def matching(term: str) -> Q:
    """Returns the condition that an entry is about `term`.

    An e-mail address or name finds what the person did, what was done to their account, and
    everything under their requests, and what those did who were invited to sign; an address also
    the sign-ins that failed with it and the mails to it. An agreement's number and a request's id
    find the whole story of that request; a path finds the downloads of that file, and the refused
    ones. Anything else is looked for in kinds and references. Raises Invalid for more than
    `MOST_PEOPLE` people: of what is found nothing is left out.
    """
    term = term.strip()
    if (found := _story(term)) is not None:
        return found
    plain = Q(details__path=term) | Q(subject__icontains=term) | Q(kind__icontains=term)
    return plain | Q(actor=term) | Q(trail=term) | _people(term) | _said(term)


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
    named = Q(legal_name__icontains=term) | Q(email__icontains=term)
    invited = Q(name__icontains=term) | Q(email__icontains=term)
    people = set(User.objects.filter(known).values_list("pk", flat=True)[: MOST_PEOPLE + 1])
    requests = AccessRequest.objects.filter(named).order_by().values_list("applicant", flat=True)
    people |= set(requests.distinct()[: MOST_PEOPLE + 1])
    signers = set(Signatory.objects.filter(invited).values_list("pk", flat=True)[: MOST_PEOPLE + 1])
    if max(len(people), len(signers)) > MOST_PEOPLE:
        raise Invalid(f"More than {MOST_PEOPLE:,} people match “{term}”. Type more of it.")
    if not people | signers:
        return Q()
    refs = [f"user:{pk}" for pk in people] + [f"signatory:{pk}" for pk in signers]
    theirs = AccessRequest.objects.filter(applicant__in=people).values_list("pk", flat=True)
    return Q(actor__in=refs) | Q(subject__in=refs) | _under(list(theirs))


def _said(term: str) -> Q:
    """The entries with a personal value that is the term: an address, or a refused path."""
    if "@" in term:
        spelt = Q(value__icontains=term) | Q(value__icontains=json.dumps(term)[1:-1])
        values = PersonalValue.objects.filter(spelt, field__in=("email", "recipient"))
    elif "/" in term:
        values = PersonalValue.objects.filter(field="path", value__in=(term, f"file/{term}"))
    else:
        return Q()
    return Q(pk__in=values.values("entry_id"))


def _under(requests: list[UUID]) -> Q:
    return Q(trail__in=[f"access_request:{pk}" for pk in requests])
