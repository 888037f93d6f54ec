"""The requests in which somebody is named besides whoever made them, and taking a person out."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from requests_app.agreements.models import Agreement
from requests_app.audit import erasure
from requests_app.distribution.access import running_grants
from requests_app.errors import Conflict
from requests_app.lifecycle import words
from requests_app.requests import blanking
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State


def naming(address: str) -> QuerySet[AccessRequest]:
    """Returns the requests that name an address: to use the data, or to sign for all."""
    told = Q(named_people__email__iexact=address) | Q(signatory_email__iexact=address)
    return AccessRequest.objects.filter(pk__in=AccessRequest.objects.filter(told).values("pk"))


def take_out(person: erasure.Person, kept: Iterable[tuple[Agreement, datetime]]) -> set[str]:
    """Takes a person out of the requests that name them; returns the trails that told of them.

    They stay in what the agreements in `kept` were made of, and go from the words about the
    signatures of all others. Part of a verb. Raises Conflict while a request that names them waits,
    and while they use data under a grant.
    """
    retained = {each.audit_trail for each, _ in kept}
    trails = set(retained)
    for address in person.addresses:
        requests = list(naming(address).select_for_update(no_key=True))
        _require_not_needed(address, requests)
        for access_request in requests:
            trails.add(access_request.audit_trail)
            if access_request.audit_trail not in retained:
                blanking.unname(access_request, address)
    words.empty_said(person.signed - person.kept)
    return trails


def _require_not_needed(address: str, requests: Iterable[AccessRequest]) -> None:
    waits = {State.SUBMITTED, State.RETURNED}
    if any(each.state in waits or each.collecting_since for each in requests):
        raise Conflict("A request that names this person waits. Decide it, or have it withdrawn.")
    running = running_grants(timezone.now()).filter(access_request__in=requests)
    if running.exclude(member_removals__email__iexact=address).exists():
        raise Conflict("This person is named under a grant. Remove them from it, or wait.")
