"""The only writer of an access request's state."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from requests_app.audit import kinds, log
from requests_app.errors import Conflict, NotFound, Refused
from requests_app.identity.models import User
from requests_app.requests.models import AccessRequest
from requests_app.requests.permissions import may
from requests_app.requests.policies import NOT_WHILE_COLLECTING, allows
from requests_app.requests.states import TRANSITIONS, State, Verb

WAITING_FOR_OTHERS = (
    "You have signed, and others have yet to: until they have, nothing can be changed. To change "
    "an answer, stop collecting signatures on the page of the request; then everybody signs anew."
)

ENTRY_KINDS: dict[Verb, str] = {
    Verb.SIGN: kinds.AGREEMENT_SIGNED,
    Verb.COLLECT: kinds.AGREEMENT_SIGNED,
    Verb.STOP: kinds.SIGNING_STOPPED,
    Verb.COMPLETE: kinds.REQUEST_SUBMITTED,
    Verb.DECLINE: kinds.AGREEMENT_DECLINED,
    Verb.APPROVE: kinds.REQUEST_APPROVED,
    Verb.RETURN: kinds.REQUEST_RETURNED,
    Verb.REJECT: kinds.REQUEST_REJECTED,
    Verb.WITHDRAW: kinds.REQUEST_WITHDRAWN,
}


def lock(access_request_id: UUID | str, verb: Verb, by: User) -> AccessRequest:
    """Returns the request with its row locked, if `by` may do `verb` to it and its state allows it.

    Must run inside a transaction. Raises NotFound, Refused, or Conflict when the state has moved
    on (somebody else was first).
    """
    access_request = (
        AccessRequest.objects.select_for_update(of=("self",), no_key=True)
        .select_related("dataset", "applicant")
        .filter(pk=access_request_id)
        .first()
    )
    if access_request is None:
        raise NotFound("There is no such request.")
    if not may(by, verb, access_request):
        raise Refused("You may not do this to this request.")
    if verb in NOT_WHILE_COLLECTING and access_request.collecting_since is not None:
        raise Conflict(WAITING_FOR_OTHERS)
    if not allows(access_request, verb):
        raise Conflict(
            f"This request is “{access_request.get_state_display()}” now, "
            f"so “{verb.label}” is not possible. Reload the page to see where it stands."
        )
    return access_request


def set_collecting(access_request: AccessRequest, since: datetime | None) -> None:
    """Writes since when others have yet to sign a new version under an approved request.

    Part of the verb that locked the row, puts or drops a signature, and writes the entry.
    """
    access_request.collecting_since = since
    access_request.save(update_fields=["collecting_since", "updated_at"])


def move(access_request: AccessRequest, *, verb: Verb, by: log.Audited, **details: Any) -> None:
    """Writes the state that `verb` leads to, and the one entry of the deed with its `details`.

    `access_request` must come from `lock` in the same transaction, or its row be locked otherwise
    when the move follows from the last signature (`Verb.COMPLETE`).
    """
    if transaction.get_autocommit():
        raise RuntimeError("a request moves only inside the transaction that locked it")
    start = State(access_request.state)
    end = TRANSITIONS[verb][start]
    access_request.state = end
    now = timezone.now()
    if start != end:
        access_request.state_since = now
    access_request.collecting_since = now if verb is Verb.COLLECT else None
    access_request.save(update_fields=["state", "state_since", "collecting_since", "updated_at"])
    log.record(
        ENTRY_KINDS[verb],
        by=by,
        on=access_request,
        **{"from": start.value, "to": end.value},
        **details,
    )
