"""The outbox: every e-mail the portal owes somebody, and whether it has gone out."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Message(models.Model):
    """One e-mail to one person. Its content is encrypted, and erased once it has been sent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60, help_text="The folder under templates/emails/.")
    recipient = models.EmailField()
    subject = models.CharField(max_length=250)
    trail = models.CharField(
        max_length=100, blank=True, help_text="What the audit log files it under."
    )
    payload = models.BinaryField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    not_before = models.DateTimeField(
        default=timezone.now,
        help_text="A worker has it until then, or it failed and may be tried again from then on.",
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = (
            models.Index(
                fields=("created_at",), name="message_waiting", condition=Q(sent_at__isnull=True)
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} to {self.recipient}"

    @property
    def audit_ref(self) -> str:
        return f"message:{self.pk}"

    @property
    def audit_trail(self) -> str:
        return self.trail or self.audit_ref
