"""Settling transfers: what really happened becomes one audit entry for each, exactly once.

The row of a transfer is locked, so whoever comes second (another process, the sweep, a task that
runs again) finds it settled and writes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from requests_app.audit import kinds, log
from requests_app.audit.origin import Origin
from requests_app.distribution.models import Grant
from requests_app.distribution.transfers import (
    UNCOUNTED,
    DailyUse,
    Outcome,
    Transfer,
    byte_count,
    day_of,
    left_behind,
    unsettled,
)


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of one transfer as whoever sent the bytes tells it.

    `sent` in bytes, None where nobody knows; up to `handed` may have left, where that is more: a
    block that was being sent when the client hung up. `status` and `range` are given where the
    answer was decided elsewhere (nginx), and are then what counts.
    """

    transfer_id: UUID
    sent: int | None
    outcome: Outcome
    status: int | None = None
    range: str | None = None
    handed: int = 0


@transaction.atomic
def settle(endings: Iterable[Ending]) -> int:
    """Settles the transfers that ended; returns how many were not settled before.

    Effects, all or none: one entry for each whose answer had bytes to send, the bytes of the day,
    the row's end. IP address and browser move from the row into the entry.
    """
    told = {ending.transfer_id: ending for ending in endings}
    if not told:
        return 0
    locked = unsettled().select_for_update(no_key=True).filter(pk__in=told).order_by("pk").in_bulk()
    rows = [locked[pk] for pk in told if pk in locked]  # entered in the order they ended
    for row in rows:
        if row.cut_at is not None and told[row.pk].outcome is Outcome.BROKEN:
            told[row.pk] = replace(told[row.pk], outcome=Outcome.CUT)
    _enter(rows, told)
    _count(rows, told)
    _close(rows, told)
    return len(rows)


def settle_left_behind(*, transfer_id: UUID | str) -> bool:
    """Settles a transfer of which nobody will tell the end; whether it had to be."""
    found = left_behind().filter(pk=transfer_id).first()
    if found is None:
        return False
    return settle([Ending(found.pk, None, Outcome.UNKNOWN)]) == 1


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who fetches under a grant, and what its entries are filed under. Neither ever changes."""

    by: log.Named
    audit_ref: str
    audit_trail: str


@lru_cache(maxsize=1024)
def _holder(grant_id: UUID) -> _Holder:
    grant = Grant.objects.select_related("applicant").get(pk=grant_id)
    return _Holder(log.Named(grant.applicant.audit_ref), grant.audit_ref, grant.audit_trail)


def _enter(rows: Sequence[Transfer], told: dict[UUID, Ending]) -> None:
    log.record_all(
        [
            log.Act(
                row.kind,
                by=_holder(row.grant_id).by,
                on=_holder(row.grant_id),
                details=_details(row, told[row.pk]),
                source=Origin(row.ip, row.user_agent),
            )
            for row in rows
            if told[row.pk].outcome is not Outcome.NOTHING
        ]
    )


def _details(row: Transfer, ending: Ending) -> dict[str, Any]:
    is_file = row.kind == kinds.FILE_DOWNLOADED
    details: dict[str, Any] = {
        "transfer": str(row.pk),
        "release": row.release,
        "path" if is_file else "name": row.name,
        "sha256" if is_file else "etag": row.digest,
        "range": row.range if ending.range is None else ending.range,
        "status": ending.status or row.status,
        "promised": row.promised,
        "bytes": ending.sent,
        "outcome": ending.outcome.value,
        "how": row.how,
        "started_at": row.started_at.isoformat(),
    }
    if row.link_id is not None:
        return details | {"link": str(row.link_id)}
    return details | {"token": str(row.access_token_id)}


def _count(rows: Sequence[Transfer], told: dict[UUID, Ending]) -> None:
    """What may have left counts, and what nobody counted: hanging up must not avoid a limit."""
    sums: dict[tuple[UUID, Any], int] = {}
    for row in rows:
        if row.kind in UNCOUNTED:
            continue
        end, key = told[row.pk], (row.grant_id, day_of(row.started_at))
        most = row.promised if end.sent is None else max(end.sent, end.handed)
        sums[key] = sums.get(key, 0) + most
    for (grant_id, day), more in sorted(sums.items()):
        used = DailyUse.objects.filter(grant=grant_id, day=day)
        if more and not used.update(bytes=F("bytes") + byte_count(more)):
            DailyUse.objects.get_or_create(grant_id=grant_id, day=day, defaults={"bytes": 0})
            used.update(bytes=F("bytes") + byte_count(more))


def _close(rows: Sequence[Transfer], told: dict[UUID, Ending]) -> None:
    """Nearly all end as they began, and are one statement together."""
    over = {"settled_at": timezone.now(), "ip": "", "user_agent": ""}
    as_begun = [row.pk for row in rows if _is_as_begun(row, told[row.pk])]
    if as_begun:
        complete = Transfer.objects.filter(pk__in=as_begun)
        complete.update(bytes_sent=F("promised"), outcome=Outcome.COMPLETE, **over)
    for row in rows:
        if not _is_as_begun(row, ending := told[row.pk]):
            Transfer.objects.filter(pk=row.pk).update(
                bytes_sent=ending.sent,
                outcome=ending.outcome,
                status=ending.status or row.status,
                range=row.range if ending.range is None else ending.range,
                **over,
            )


def _is_as_begun(row: Transfer, ending: Ending) -> bool:
    changed = ending.status not in {None, row.status} or ending.range not in {None, row.range}
    return not changed and ending.outcome is Outcome.COMPLETE and ending.sent == row.promised
