"""The right to fetch, and the links that stand on it. States are derived, never stored."""

import uuid
from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from requests_app.agreements.models import Agreement, AgreementText, SealCertificate
from requests_app.agreements.signatories import Signatory
from requests_app.datasets.models import Dataset, Release
from requests_app.requests.models import AccessRequest


class GrantState(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Grant(models.Model):
    """One applicant may fetch one dataset's releases between two instants, under one agreement."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    access_request = models.ForeignKey(
        AccessRequest, on_delete=models.PROTECT, related_name="grants"
    )
    agreement = models.OneToOneField(Agreement, on_delete=models.PROTECT, related_name="grant")
    applicant = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="grants"
    )
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="grants")
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(help_text="The first instant at which nothing may be fetched.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_reason = models.TextField(blank=True)

    class Meta:
        ordering = ("-starts_at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="grant_ends_after_start"
            ),
        )

    def __str__(self) -> str:
        return f"{self.dataset} for {self.applicant}"

    def state(self, now: datetime | None = None) -> GrantState:
        """Returns the state at `now` (default: this instant)."""
        now = now or timezone.now()
        if self.revoked_at is not None and self.revoked_at <= now:
            return GrantState.REVOKED
        return GrantState.ACTIVE if self.starts_at <= now < self.ends_at else GrantState.EXPIRED

    @property
    def audit_ref(self) -> str:
        return f"grant:{self.pk}"

    @property
    def audit_trail(self) -> str:
        return f"access_request:{self.access_request_id}"


class ReconsentCampaign(models.Model):
    """Every holder of a grant under an older version is asked to sign `text` by `deadline`.

    Append-only. Who has signed, and who is suspended, is derived: see `reconsents`.
    """

    text = models.OneToOneField(AgreementText, on_delete=models.PROTECT, related_name="campaign")
    deadline = models.DateTimeField(help_text="The first instant of suspensions.")
    reason = models.TextField(help_text="The holders read this.")
    announced_at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reconsent_campaigns"
    )

    class Meta:
        ordering = ("-announced_at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(deadline__gt=F("announced_at")), name="campaign_ends_after_start"
            ),
        )

    def __str__(self) -> str:
        return f"Signing anew: {self.text}"

    @property
    def audit_ref(self) -> str:
        return f"reconsent_campaign:{self.pk}"


class Reconsent(models.Model):
    """A grant stands on `agreement` from now on. Append-only; the grant keeps its first one."""

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="reconsents")
    agreement = models.OneToOneField(Agreement, on_delete=models.PROTECT, related_name="reconsent")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-at", "-pk")

    def __str__(self) -> str:
        return f"{self.grant} under {self.agreement}"


class ReconsentNotice(models.Model):
    """One letter of a campaign to the holder of one grant: each kind once. Append-only."""

    class Kind(models.TextChoices):
        ANNOUNCED = "announced", "asked to sign"
        WEEK = "week", "reminded a week before"
        DAY = "day", "reminded a day before"
        SUSPENDED = "suspended", "told of the suspension"

    campaign = models.ForeignKey(
        ReconsentCampaign, on_delete=models.PROTECT, related_name="notices"
    )
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="reconsent_notices")
    kind = models.CharField(max_length=10, choices=Kind)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("at", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("campaign", "grant", "kind"), name="reconsent_notice_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.grant}: {self.get_kind_display()}"


class ManifestSignature(models.Model):
    """The portal's signature (CMS, PEM) over a release's manifest. Append-only."""

    release = models.OneToOneField(
        Release, on_delete=models.PROTECT, related_name="manifest_signature"
    )
    content = models.BinaryField()
    certificate = models.ForeignKey(
        SealCertificate, on_delete=models.PROTECT, related_name="manifest_signatures"
    )
    signed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Signature of {self.release}"


class MemberRemoval(models.Model):
    """A member is not one of a grant any more. Append-only; the agreement they signed stays."""

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="member_removals")
    signatory = models.OneToOneField(
        Signatory, on_delete=models.PROTECT, related_name="member_removal"
    )
    email = models.EmailField(help_text="Lower-case: a later version does not bring them back.")
    reason = models.TextField()
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("at", "pk")

    def __str__(self) -> str:
        return f"{self.signatory} left {self.grant}"


class DownloadLink(models.Model):
    """An expiring signed URL that stands on a grant; of its secret only a hash is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="links")
    secret_sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="link_expires_after_creation"
            ),
        )

    def __str__(self) -> str:
        return f"Link of {self.created_at:%Y-%m-%d} for {self.grant}"

    def is_open(self, now: datetime) -> bool:
        """Whether the link itself is neither revoked nor expired; its grant is another question."""
        revoked = self.revoked_at is not None and self.revoked_at <= now
        return not revoked and now < self.expires_at

    @property
    def audit_ref(self) -> str:
        return f"link:{self.pk}"

    @property
    def audit_trail(self) -> str:
        return f"access_request:{self.grant.access_request_id}"
