"""What is being fetched and what was: one row for each answer that carries bytes.

The row is committed before the first byte and settled after the last one, with the audit entry in
the same transaction (see `journal` and `settling`). Limits count these rows.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from itertools import groupby
from typing import Final

from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone

from requests_app.audit import kinds
from requests_app.distribution.models import AccessToken, DownloadLink, Grant

SILENT: Final = timedelta(seconds=60)
"""A transfer of a web process is lost when the process has not vouched for it for so long."""

UNCOUNTED: Final = frozenset({kinds.MANIFEST_DOWNLOADED})
"""Lists: they are no data, and a day's allowance must not end because somebody looked at one."""

LONGEST: Final = timedelta(hours=48)
"""A transfer whose end nginx has not logged after this long will have none."""

_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+)", re.ASCII)


class How(models.TextChoices):
    """Who sends the bytes, and so who knows how many were sent."""

    PORTAL = "portal", "the portal's own processes"
    NGINX = "nginx", "nginx"
    STORE = "s3", "the object store"


class Outcome(models.TextChoices):
    """How a transfer ended. Only `HANDED_OUT` and `UNKNOWN` do not know the bytes sent."""

    COMPLETE = "complete", "complete"
    BROKEN = "broken", "broken off"
    CUT = "cut", "cut off by the portal"
    HANDED_OUT = "handed_out", "left to the object store"
    UNKNOWN = "unknown", "unknown"
    NOTHING = "nothing", "no bytes were due"


class Transfer(models.Model):
    """One file, archive or list on its way to the holder of a grant."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="transfers")
    link = models.ForeignKey(
        DownloadLink, on_delete=models.PROTECT, null=True, related_name="transfers"
    )
    access_token = models.ForeignKey(
        AccessToken, on_delete=models.PROTECT, null=True, related_name="transfers"
    )
    kind = models.CharField(max_length=60, help_text="Of the entry it becomes.")
    release = models.CharField(max_length=20)
    name = models.CharField(max_length=300, help_text="Path of a file, name of an archive.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of a file, ETag of an archive.")
    range = models.CharField(max_length=80, blank=True)
    status = models.PositiveSmallIntegerField()
    promised = models.PositiveBigIntegerField(help_text="Bytes that were asked for.")
    how = models.CharField(max_length=6, choices=How)
    ip = models.CharField(max_length=45, blank=True, help_text="Until settled.")
    user_agent = models.CharField(max_length=500, blank=True, help_text="Until settled.")
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now, help_text="Vouched for by its process.")
    cut_at = models.DateTimeField(null=True, help_text="When nginx was told to end it.")
    bytes_sent = models.PositiveBigIntegerField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(
                fields=("grant",), condition=Q(settled_at=None), name="transfer_unsettled"
            ),
            models.Index(fields=("grant", "kind", "release", "name"), name="transfer_what"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(link=None) ^ Q(access_token=None), name="transfer_has_one_credential"
            ),
            models.CheckConstraint(
                condition=Q(settled_at=None, outcome="")
                | (Q(settled_at__isnull=False) & ~Q(outcome="")),
                name="transfer_settled_with_outcome",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} of {self.release}"


class DailyUse(models.Model):
    """Bytes of settled transfers of one grant that began on one day of UTC."""

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="daily_use")
    day = models.DateField()
    bytes = models.PositiveBigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("grant", "day"), name="daily_use_once"),)

    def __str__(self) -> str:
        return f"{self.bytes} bytes on {self.day}"


def day_of(instant: datetime) -> date:
    """The day of UTC that a transfer counts for."""
    return instant.astimezone(UTC).date()


def unsettled() -> QuerySet[Transfer]:
    """The transfers that are under way, or whose end has not been entered yet."""
    return Transfer.objects.filter(settled_at=None)


def left_behind() -> QuerySet[Transfer]:
    """Unsettled transfers of which nobody will tell the end any more: their process was killed."""
    now = timezone.now()
    silent = ~Q(how=How.NGINX) & Q(seen_at__lt=now - SILENT)
    return unsettled().filter(silent | Q(how=How.NGINX, started_at__lt=now - LONGEST))


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched of one thing: `covered` of its `length` bytes arrived at least once.

    `untold` is how many transfers ended without anybody knowing how many bytes they carried.
    `proof_id` is the last transfer that carried all of it, or else the last one.
    """

    kind: str
    release: str
    name: str
    length: int
    covered: int
    untold: int
    last_at: datetime
    proof_id: uuid.UUID

    @property
    def is_complete(self) -> bool:
        """Whether every byte of it is known to have been sent."""
        return self.covered >= self.length


def fetched(grant: Grant) -> list[Fetched]:
    """What was fetched under a grant, by release and name. One query."""
    rows = Transfer.objects.filter(grant=grant, settled_at__isnull=False)
    ordered = rows.exclude(outcome=Outcome.NOTHING).order_by("release", "kind", "name", "digest")
    same = groupby(ordered, key=lambda row: (row.kind, row.release, row.name, row.digest))
    return [_summed(kind, release, name, list(each)) for (kind, release, name, _), each in same]


def _summed(kind: str, release: str, name: str, rows: Sequence[Transfer]) -> Fetched:
    spans, length = sorted(_span(row) for row in rows), max(_length(row) for row in rows)
    whole = [row for row in rows if _span(row) == (0, length)]
    covered = reached = 0
    for start, stop in spans:
        covered += max(stop - max(start, reached), 0)
        reached = max(reached, stop)
    return Fetched(
        kind,
        release,
        name,
        length=length,
        covered=covered,
        untold=sum(row.bytes_sent is None for row in rows),
        last_at=max(row.started_at for row in rows),
        proof_id=max(whole or rows, key=lambda row: row.started_at).pk,
    )


def _span(row: Transfer) -> tuple[int, int]:
    """The bytes that arrived, half-open: a transfer sends from its beginning on."""
    found = _RANGE.fullmatch(row.range)
    if row.status != (HTTPStatus.PARTIAL_CONTENT if found else HTTPStatus.OK):
        return 0, 0  # of several ranges, or of another answer: nobody knows which
    start = int(found[1]) if found else 0
    return start, start + (row.bytes_sent or 0)


def _length(row: Transfer) -> int:
    found = _RANGE.fullmatch(row.range)
    return int(found[2]) if found else row.promised
