"""What happened to a request, as maintainers and auditors read it in the audit log."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Max

from requests_app.agreements.signatories import Signatory
from requests_app.audit import kinds, reading
from requests_app.audit.models import Entry
from requests_app.identity.models import User
from requests_app.requests.models import AccessRequest

NEWEST: Final = 200

# kind -> what is told, and the tone of the mark beside it ("" is neutral).
TOLD: Final[dict[str, tuple[str, str]]] = {
    kinds.REQUEST_STARTED: ("Request started", ""),
    kinds.REQUEST_SAVED: ("Answers saved", ""),
    kinds.AGREEMENT_SIGNED: ("Data Access Agreement signed by the applicant", "info"),
    kinds.SIGNATORY_INVITED: ("Somebody invited to sign", ""),
    kinds.AGREEMENT_COSIGNED: ("Agreement signed by invitation", "info"),
    kinds.SIGNATURE_REFUSED: ("Signature refused by somebody invited", "warn"),
    kinds.SIGNATORY_REMOVED: ("Signer removed by the applicant", "warn"),
    kinds.SIGNING_STOPPED: ("Collecting signatures stopped by the applicant", "warn"),
    kinds.SIGNING_ENDED: ("Signing of the new version ended with the grant", "warn"),
    kinds.REQUEST_SUBMITTED: ("Everybody has signed, request submitted", "info"),
    kinds.DOCUMENT_ISSUED: ("Document made for the applicant's own certificate", ""),
    kinds.AGREEMENT_SIGNED_WITH_CERTIFICATE: ("Document signed with an own certificate", "info"),
    kinds.AGREEMENT_SIGNED_ANEW: ("New version of the agreement signed", "good"),
    kinds.AGREEMENT_DECLINED: ("Data Access Agreement declined by the applicant", "warn"),
    kinds.AGREEMENT_RENDERED: ("Agreement made into a PDF and sealed", ""),
    kinds.AGREEMENT_COUNTERSIGNED: ("Agreement countersigned by the lab", "good"),
    kinds.DOCUMENT_OPENED: ("Document opened", ""),
    kinds.REQUEST_APPROVED: ("Approved", "good"),
    kinds.REQUEST_RETURNED: ("Returned for changes", "warn"),
    kinds.REQUEST_REJECTED: ("Rejected", "bad"),
    kinds.REQUEST_WITHDRAWN: ("Withdrawn by the applicant", "warn"),
    kinds.GRANT_CREATED: ("Grant created", "good"),
    kinds.GRANT_MOVED: ("Grant put on the new version", "good"),
    kinds.GRANT_REVOKED: ("Grant revoked", "bad"),
    kinds.GRANT_SUSPENDED: ("Grant suspended until the new version is signed", "bad"),
    kinds.GRANT_GIVEN_UP: ("Grant ended with the withdrawal", "warn"),
    kinds.MEMBER_REMOVED: ("Member removed from the grant", "warn"),
    kinds.LINK_ISSUED: ("Download link sent", ""),
    kinds.LINK_RENEWED: ("Fresh download link asked for and sent", ""),
    kinds.LINK_REVOKED: ("Download link revoked", "bad"),
    kinds.LINK_REFUSED: ("Download link refused", "warn"),
    kinds.TOKEN_CREATED: ("Access token made by the holder", ""),
    kinds.TOKEN_REVOKED: ("Access token revoked by the holder", ""),
    kinds.TOKEN_REFUSED: ("Access token refused", "warn"),
    kinds.GRANT_NETWORKS_CHANGED: ("Networks of the grant changed", "info"),
    kinds.ARCHIVE_DOWNLOADED: ("Archive downloaded, whole or in part", ""),
    kinds.MANIFEST_DOWNLOADED: ("Manifest downloaded", ""),
    kinds.MESSAGE_SENT: ("E-mail sent", ""),
}
# Thousands of these may stand under one request: they are told as one sum each.
SUMMED: Final[dict[str, str]] = {
    kinds.FILE_DOWNLOADED: "Single files downloaded",
    kinds.STAFF_LOOKED: "Read by staff",
}
QUOTED: Final = {"reason": "Reason, read by the applicant", "private_note": "Private note"}
NAMES: Final = {"system": "the portal", "operator": "an operator", "anyone": "somebody"}


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the timeline. `quotes` and `details` are pairs of a label and a value."""

    at: datetime
    words: str
    who: str = ""
    tone: str = ""
    quotes: list[tuple[str, str]] = field(default_factory=list)
    details: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Story:
    """One page of a timeline, counted from 1, and whether there are older events."""

    events: list[Event]
    page: int
    older: bool


def timeline(access_request: AccessRequest, *, page: int = 1) -> Story:
    """Returns a page of the request's story, newest first: `NEWEST` events, on the first also sums.

    Personal values are merged in; one that was erased is said to be. Four queries, however long
    the story.
    """
    story = reading.story(access_request.audit_trail).exclude(kind__in=SUMMED)
    first = NEWEST * (page - 1)
    entries = list(story.order_by("-pk")[first : first + NEWEST + 1])
    names = actor_names(entries[:NEWEST])
    events = [_event(entry, names) for entry in entries[:NEWEST]]
    if page == 1:
        events += _sums(access_request)
    events.sort(key=lambda event: event.at, reverse=True)
    return Story(events, page, older=len(entries) > NEWEST)


def actor_names(entries: Iterable[Entry]) -> dict[str, str]:
    """Returns what to call each actor of the entries: reference -> name. At most two queries."""
    refs = {entry.actor for entry in entries}
    ids = [ref.removeprefix("user:") for ref in refs if ref.startswith("user:")]
    people = User.objects.filter(pk__in=[pk for pk in ids if pk.isdigit()])
    invited = [ref.removeprefix("signatory:") for ref in refs if ref.startswith("signatory:")]
    signers = Signatory.objects.filter(pk__in=invited) if invited else ()
    return NAMES | {person.audit_ref: str(person) for person in (*people, *signers)}


def merged(entry: Entry) -> dict[str, Any]:
    """Returns the entry's public details and personal values as one; erased ones say so."""
    erased = dict.fromkeys(entry.personal_fields, "(erased)")
    kept = {item.field: item.value for item in entry.personal_values.all()}
    return {**entry.details, **erased, **kept}


def _event(entry: Entry, names: dict[str, str]) -> Event:
    words, tone = TOLD.get(entry.kind, (entry.kind, ""))
    values = merged(entry)
    quotes = [(label, str(values.pop(name))) for name, label in QUOTED.items() if values.get(name)]
    if entry.kind == kinds.MESSAGE_SENT:
        words = f"{words}: {values.pop('name', '')}"
    details = [(name.replace("_", " "), _plain(value)) for name, value in values.items() if value]
    who = names.get(entry.actor, entry.actor)
    return Event(entry.at, words, who, tone, quotes, details)


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _sums(access_request: AccessRequest) -> Iterator[Event]:
    summed = Entry.objects.filter(trail=access_request.audit_trail, kind__in=SUMMED)
    counted = summed.order_by().values("kind").annotate(times=Count("pk"), last=Max("at"))
    for each in counted:
        times = f"{each['times']:,} times" if each["times"] > 1 else "once"
        who = str(access_request.applicant) if each["kind"] == kinds.FILE_DOWNLOADED else ""
        yield Event(each["last"], f"{SUMMED[each['kind']]}, {times}", who)
