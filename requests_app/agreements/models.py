"""Texts of the Data Access Agreement, signed agreements, and their rendered documents.

Rows of this module are append-only: triggers refuse UPDATE and DELETE (migration 0002).
"""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from requests_app.datasets.models import Dataset
from requests_app.requests.models import AccessRequest


class AgreementText(models.Model):
    """One immutable, numbered version of a dataset's Data Access Agreement."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="agreement_texts")
    number = models.PositiveIntegerField()
    body = models.TextField(help_text="Markdown with [[placeholders]].")
    sha256 = models.CharField(max_length=64)
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("dataset", "-number")
        constraints = (
            models.UniqueConstraint(fields=("dataset", "number"), name="agreement_text_once"),
        )

    def __str__(self) -> str:
        return f"{self.dataset} agreement, version {self.number}"

    @property
    def audit_ref(self) -> str:
        return f"agreement_text:{self.dataset.slug}/{self.number}"


class Agreement(models.Model):
    """What one applicant signed: the version, every filled-in value, and the evidence."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(max_length=60, unique=True)
    access_request = models.ForeignKey(
        AccessRequest, on_delete=models.PROTECT, related_name="agreements"
    )
    text = models.ForeignKey(AgreementText, on_delete=models.PROTECT, related_name="agreements")
    signer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="agreements"
    )
    signed_at = models.DateTimeField(default=timezone.now)
    values = models.JSONField(help_text="Every value filled into the text.")
    evidence = models.JSONField(help_text="How, when and from where it was signed.")

    class Meta:
        ordering = ("-signed_at",)

    def __str__(self) -> str:
        return self.number

    @property
    def audit_ref(self) -> str:
        return f"agreement:{self.number}"

    @property
    def audit_trail(self) -> str:
        return f"access_request:{self.access_request_id}"


class AgreementDocument(models.Model):
    """The rendered PDF of an agreement: exactly one, written in one piece or not at all."""

    agreement = models.OneToOneField(Agreement, on_delete=models.PROTECT, related_name="document")
    content = models.BinaryField()
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    rendered_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.agreement}.pdf"
