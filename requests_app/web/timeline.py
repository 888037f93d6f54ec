"""What happened to a request, in the applicant's words, read from the audit log."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Final

from django.db.models import Count, Max, Prefetch

from requests_app.agreements.signatories import Signatory
from requests_app.audit import kinds
from requests_app.audit.models import Entry, PersonalValue
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State

NEWEST: Final = 200

# kind -> what the applicant is told, and the tone of the mark beside it ("" is neutral).
# {} is the name of the signatory whom the entry is about.
TOLD: Final[dict[str, tuple[str, str]]] = {
    kinds.REQUEST_STARTED: ("You started the request", ""),
    kinds.REQUEST_SAVED: ("You saved your answers", ""),
    kinds.AGREEMENT_SIGNED: ("You signed the Data Access Agreement", ""),
    kinds.SIGNATORY_INVITED: ("{} was invited to sign the agreement", ""),
    kinds.AGREEMENT_COSIGNED: ("{} signed the agreement", "good"),
    kinds.SIGNATURE_REFUSED: ("{} does not sign the agreement", "bad"),
    kinds.SIGNATORY_REMOVED: ("You removed {} from those who are to sign", ""),
    kinds.SIGNING_STOPPED: ("You stopped collecting signatures", "warn"),
    kinds.SIGNING_ENDED: ("The signing of the new version ended with your grant", "warn"),
    kinds.REQUEST_SUBMITTED: ("Everybody has signed: the request was submitted", "good"),
    kinds.DOCUMENT_ISSUED: ("The document was made for you to sign with your certificate", ""),
    kinds.AGREEMENT_SIGNED_WITH_CERTIFICATE: ("You signed the document with your certificate", ""),
    kinds.AGREEMENT_SIGNED_ANEW: ("You signed the new version of the agreement", "good"),
    kinds.AGREEMENT_DECLINED: ("You declined the Data Access Agreement", ""),
    kinds.AGREEMENT_RENDERED: ("The signed agreement was made into a PDF and sealed", ""),
    kinds.AGREEMENT_COUNTERSIGNED: ("The lab countersigned the agreement", "good"),
    kinds.REQUEST_APPROVED: ("A maintainer approved the request", "good"),
    kinds.REQUEST_RETURNED: ("A maintainer returned the request for changes", "warn"),
    kinds.REQUEST_REJECTED: ("A maintainer rejected the request", "bad"),
    kinds.REQUEST_WITHDRAWN: ("You withdrew the request", ""),
    kinds.GRANT_CREATED: ("Your grant began", "good"),
    kinds.GRANT_MOVED: ("Every signature is there: your grant stands on the new version", "good"),
    kinds.GRANT_REVOKED: ("A maintainer revoked your grant", "bad"),
    kinds.GRANT_SUSPENDED: ("Your grant was suspended until you sign the new version", "bad"),
    kinds.GRANT_GIVEN_UP: ("Your grant ended with the request", ""),
    kinds.MEMBER_REMOVED: ("{} was removed from the grant", "warn"),
    kinds.LINK_ISSUED: ("A download link was sent to you", "good"),
    kinds.LINK_RENEWED: ("You asked for a new download link, and it was sent to you", ""),
    kinds.LINK_REVOKED: ("A maintainer closed a download link", "bad"),
    kinds.TOKEN_CREATED: ("You made an access token", ""),
    kinds.TOKEN_REVOKED: ("You revoked an access token", ""),
    kinds.GRANT_NETWORKS_CHANGED: ("A maintainer set where you may download from", ""),
    kinds.ARCHIVE_DOWNLOADED: ("The archive was downloaded, whole or in part", ""),
    kinds.MANIFEST_DOWNLOADED: ("The manifest was downloaded", ""),
}

# Thousands of these may stand under one request: they are told as one sum.
SUMMED: Final = (kinds.FILE_DOWNLOADED,)

# Filed under a request, and of no use to its applicant.
NOT_TOLD: Final = frozenset(
    {
        kinds.MESSAGE_SENT,
        kinds.LINK_REFUSED,
        kinds.TOKEN_REFUSED,
        kinds.DOCUMENT_OPENED,
        kinds.STAFF_LOOKED,
    }
)

# Repeating itself, one of these is told once, with the number of times.
_GATHERED: Final = frozenset(
    {kinds.REQUEST_SAVED, kinds.ARCHIVE_DOWNLOADED, kinds.MANIFEST_DOWNLOADED}
)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the timeline. `at` is its instant, the last one when it stands for several.

    `entry` is the id of the entry that it is told from; `each` has the instant and the id of every
    entry, where it stands for several.
    """

    at: datetime
    words: str
    tone: str = ""
    reason: str = ""
    entry: int | None = None
    each: list[tuple[datetime, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Story:
    """One page of a timeline, counted from 1, and whether there are older events."""

    events: list[Event]
    page: int
    older: bool


def timeline(access_request: AccessRequest, *, page: int = 1) -> Story:
    """Returns what the applicant may see of a page of the request's story, the newest first.

    Of personal values only `reason` is read, which is addressed to the applicant; a private note is
    never fetched. At most three queries and one for the sums, whatever the number of entries.
    """
    reasons, first = PersonalValue.objects.filter(field="reason"), NEWEST * (page - 1)
    newest = (
        Entry.objects.filter(trail=access_request.audit_trail, kind__in=TOLD)
        .prefetch_related(Prefetch("personal_values", queryset=reasons, to_attr="reasons"))
        .order_by("-pk")[first : first + NEWEST + 1]
    )
    entries = list(newest)
    older, entries = len(entries) > NEWEST, entries[:NEWEST]
    of_others = any("{}" in TOLD[entry.kind][0] for entry in entries)
    names = _names(access_request) if of_others else {}
    events = [*_told(entries, names), *(_summed(access_request) if page == 1 else ())]
    return Story(sorted(events, key=lambda event: event.at, reverse=True), page, older)


def _told(entries: Iterable[Entry], names: Mapping[str, str]) -> Iterator[Event]:
    for kind, run in groupby(entries, key=lambda entry: entry.kind):
        words, tone = TOLD[kind]
        each = list(run)
        if kind == kinds.SIGNATORY_INVITED and len(each) > 1:
            told = f"{len(each)} people were invited to sign the agreement"
            yield Event(each[0].at, told, tone, each=_places(each))
            continue
        if kind in _GATHERED and len(each) > 1:
            often = f" ({len(each)} times)"
            yield Event(each[0].at, words + often, tone, each=_places(each))
            continue
        for entry in each:
            reason = next((str(item.value) for item in entry.reasons), "")  # type: ignore[attr-defined]  # Prefetch
            name = names.get(entry.subject) or names.get(entry.actor)
            told = words.format(name or "somebody who was to sign")
            if entry.details.get("to") == State.SUBMITTED and kind == kinds.AGREEMENT_SIGNED:
                told += " and submitted the request"
            yield Event(entry.at, told, tone, reason, entry.pk)


def _places(entries: Iterable[Entry]) -> list[tuple[datetime, int]]:
    return [(entry.at, entry.pk) for entry in entries]


def _names(access_request: AccessRequest) -> dict[str, str]:
    """Names by reference, each isolated: one in Arabic must not turn the sentence around it."""
    found = Signatory.objects.filter(agreement__access_request=access_request)
    return {each.audit_ref: f"\u2068{each.name}\u2069" for each in found.only("pk", "name")}


def _summed(access_request: AccessRequest) -> Iterator[Event]:
    found = Entry.objects.filter(trail=access_request.audit_trail, kind__in=SUMMED).aggregate(
        times=Count("pk"), last=Max("at")
    )
    if found["times"] == 1:
        yield Event(found["last"], "One file was downloaded")
    elif found["times"]:
        yield Event(found["last"], f"Files were downloaded, {found['times']:,} times")
