"""What is being fetched and what was: one row for each answer that carries bytes.

The row is committed before the first byte and settled after the last one, with the audit entry in
the same transaction (see `journal` and `settling`). Limits count these rows.
"""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db import models
from django.db.models import BigIntegerField, Q, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.utils import timezone

from requests_app.audit import kinds
from requests_app.distribution.models import AccessToken, DownloadLink, Grant
from requests_app.identity.models import User

SMALL: Final = 256 * 1024
"""Bytes that a line takes at once: what is no larger is over before it could be counted."""

SILENT: Final = timedelta(seconds=60)
"""A transfer of a web process is lost when the process has not vouched for it for so long."""

UNCOUNTED: Final = frozenset({kinds.MANIFEST_DOWNLOADED})
"""Lists: they are no data, and a day's allowance must not end because somebody looked at one."""

LONGEST: Final = timedelta(hours=48)
"""A transfer whose end nginx has not logged after this long will have none."""


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
    # Without an index for each of the three: those below begin with the grant, nobody asks for a
    # link's, and every one is written twice for each of thousands of small files.
    grant = models.ForeignKey(
        Grant, on_delete=models.PROTECT, related_name="transfers", db_index=False
    )
    link = models.ForeignKey(
        DownloadLink,
        on_delete=models.PROTECT,
        null=True,
        related_name="transfers",
        db_index=False,
    )
    access_token = models.ForeignKey(
        AccessToken,
        on_delete=models.PROTECT,
        null=True,
        related_name="transfers",
        db_index=False,
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
            models.Index(
                fields=("grant",),
                condition=Q(settled_at=None, promised__gt=SMALL),
                name="transfer_running",
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


def byte_count(count: int) -> Value:
    """A number of bytes within an expression: of a bare one Django sends the last four bytes."""
    return Value(count, BigIntegerField())


def day_of(instant: datetime) -> date:
    """The day of UTC that a transfer counts for."""
    return instant.astimezone(UTC).date()


def forget_sources(holder: User) -> None:
    """Takes away where somebody fetches from, as long as it is in no entry; part of a deed."""
    unsettled().filter(grant__applicant=holder).update(ip="", user_agent="")


def unsettled() -> QuerySet[Transfer]:
    """The transfers that are under way, or whose end has not been entered yet."""
    return Transfer.objects.filter(settled_at=None)


def lasting() -> QuerySet[Transfer]:
    """The transfers under way that last long enough to be counted."""
    # As text: of a parameter PostgreSQL cannot tell that the index of these rows will do.
    return unsettled().filter(promised__gt=RawSQL(str(SMALL), ()))  # noqa: S611 - a number of ours


def left_behind() -> QuerySet[Transfer]:
    """Unsettled transfers of which nobody will tell the end any more: their process was killed."""
    now = timezone.now()
    silent = ~Q(how=How.NGINX) & Q(seen_at__lt=now - SILENT)
    return unsettled().filter(silent | Q(how=How.NGINX, started_at__lt=now - LONGEST))
