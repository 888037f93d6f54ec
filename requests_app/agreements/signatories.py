"""Those who must sign an agreement besides the applicant: rows that are written once.

Each is a member, who will use the data, or signs for the institution. What became of them is told
by other rows: a cosignature, or an exit. `collecting` derives from those where an agreement stands.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from requests_app.agreements.models import Agreement


class Signatory(models.Model):
    """One person who is asked to sign one agreement by an invitation to their own address."""

    class Role(models.TextChoices):
        MEMBER = "member", "uses the data"
        INSTITUTION = "institution", "signs for the institution"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="signatories")
    role = models.CharField(max_length=11, choices=Role)
    name = models.CharField(max_length=200)
    email = models.EmailField()
    position = models.CharField(max_length=200, blank=True)
    order = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("order",)
        verbose_name_plural = "signatories"
        constraints = (
            models.UniqueConstraint(fields=("agreement", "email"), name="signatory_once"),
            models.CheckConstraint(
                condition=Q(role__in=("member", "institution")), name="signatory_role_known"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def audit_ref(self) -> str:
        return f"signatory:{self.pk}"

    @property
    def audit_trail(self) -> str:
        return self.agreement.audit_trail


class Cosignature(models.Model):
    """The signature of a signatory, with its own evidence."""

    signatory = models.OneToOneField(
        Signatory, on_delete=models.PROTECT, related_name="cosignature"
    )
    signed_at = models.DateTimeField(default=timezone.now)
    evidence = models.JSONField(help_text="How, when and from where it was signed.")

    def __str__(self) -> str:
        return f"Signature of {self.signatory}"


class Invitation(models.Model):
    """An e-mailed address at which a signatory reads and signs; only the newest one opens.

    Of its secret only a hash is kept.
    """

    signatory = models.ForeignKey(Signatory, on_delete=models.PROTECT, related_name="invitations")
    secret_sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"Invitation of {self.signatory}"


class SignatoryExit(models.Model):
    """A signatory who does not sign: they declined, or the applicant removed them, and why.

    Somebody who declined may be removed afterwards, so each kind can be there once.
    """

    class Kind(models.TextChoices):
        DECLINED = "declined", "declined"
        REMOVED = "removed", "removed before signing"

    signatory = models.ForeignKey(Signatory, on_delete=models.PROTECT, related_name="exits")
    kind = models.CharField(max_length=8, choices=Kind)
    reason = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=("signatory", "kind"), name="signatory_exit_once"),
            models.CheckConstraint(
                condition=Q(kind__in=("declined", "removed")), name="signatory_exit_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.signatory}: {self.kind}"


class AgreementVoid(models.Model):
    """An agreement that never came to be: its signatures stopped being collected."""

    class Why(models.TextChoices):
        STOPPED = "stopped", "The applicant stopped, to change something."
        ENDED = "ended", "The request or the grant that it was signed for ended."

    agreement = models.OneToOneField(Agreement, on_delete=models.PROTECT, related_name="void")
    why = models.CharField(max_length=7, choices=Why)
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty where nobody ended it: the grant ran out.",
    )

    def __str__(self) -> str:
        return f"{self.agreement} is void"
