"""Texts of the Data Access Agreement, signed agreements, and their rendered documents.

Rows of this module are append-only but for `FailedDocument`: triggers refuse UPDATE and DELETE
(`audit.guarded`).
"""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from requests_app.datasets.models import Dataset
from requests_app.requests.models import AccessRequest

NUMBER_LENGTH = 70
"""Of an agreement's number: the longest slug of a dataset has 50, what follows it takes 16."""


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
    number = models.CharField(max_length=NUMBER_LENGTH, unique=True)
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
    def document(self) -> "AgreementDocument | None":
        """The newest document without its bytes, None while there is none.

        A list prefetches them with `without_content`.
        """
        if "documents" in getattr(self, "_prefetched_objects_cache", {}):
            return next(reversed(self.documents.all()), None)
        return self.documents.defer("content").last()

    @property
    def audit_ref(self) -> str:
        return f"agreement:{self.number}"

    @property
    def audit_trail(self) -> str:
        return f"access_request:{self.access_request_id}"


class SealCertificate(models.Model):
    """A certificate that the portal seals with, or did: what its seals are verified against.

    `content` is the certificate itself and `chain` what stands above it, the root last, as PEM.
    A certificate is in use from its first seal until a later one is recorded.
    """

    sha256 = models.CharField(max_length=64, unique=True)
    serial = models.CharField(max_length=50, help_text="Hexadecimal, as certificates show it.")
    subject = models.CharField(max_length=300)
    content = models.TextField()
    chain = models.TextField(blank=True)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.subject

    @property
    def audit_ref(self) -> str:
        return f"seal_certificate:{self.sha256}"

    @property
    def invalid_from(self) -> datetime | None:
        """From when on its seals prove nothing; None if they do. Prefetched rows are used."""
        return min((each.invalid_from for each in self.revocations.all()), default=None)


class SealRevocation(models.Model):
    """A declaration that a seal's certificate is invalid from an instant on; the earliest counts.

    The instant is when its key may have come into other hands, not when that was found out.
    """

    certificate = models.ForeignKey(
        SealCertificate, on_delete=models.PROTECT, related_name="revocations"
    )
    invalid_from = models.DateTimeField()
    reason = models.CharField(max_length=500, help_text="Published with the certificate.")
    declared_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("invalid_from", "pk")

    def __str__(self) -> str:
        return f"{self.certificate}, invalid from {self.invalid_from:%Y-%m-%d}"


class AgreementDocument(models.Model):
    """One PDF of an agreement, written in one piece or not at all; at most one of each kind.

    The countersigned one is the sealed one with a second seal added to it. `level` is that of the
    seal added last (PAdES, ETSI EN 319 142-1).
    """

    class Kind(models.TextChoices):
        SEALED = "sealed", "Sealed"
        COUNTERSIGNED = "countersigned", "Countersigned"

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="documents")
    kind = models.CharField(max_length=13, choices=Kind, default=Kind.SEALED)
    content = models.BinaryField()
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    level = models.CharField(max_length=4, blank=True)
    certificate = models.ForeignKey(
        SealCertificate, on_delete=models.PROTECT, null=True, blank=True, related_name="documents"
    )
    rendered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=("agreement", "kind"), name="agreement_document_once"),
            models.CheckConstraint(
                condition=Q(kind__in=("sealed", "countersigned")),
                name="agreement_document_kind_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.agreement}.pdf"


class FailedDocument(models.Model):
    """A document of an agreement that could not be made: how often, why the last time, the pause.

    The one table of this module that changes. The row stays when the document is made after all.
    """

    class Kind(models.TextChoices):
        ISSUED = "issued", "To be signed with the applicant's certificate"
        SEALED = "sealed", "Sealed"
        COUNTERSIGNED = "countersigned", "Countersigned"

    agreement = models.ForeignKey(
        Agreement, on_delete=models.PROTECT, related_name="failed_documents"
    )
    kind = models.CharField(max_length=13, choices=Kind, default=Kind.SEALED)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField("tried again after", default=timezone.now)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("agreement", "kind"), name="failed_document_once"),
            models.CheckConstraint(
                condition=Q(kind__in=("issued", "sealed", "countersigned")),
                name="failed_document_kind_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.agreement}, {self.kind}: {self.attempts} failed"

    @property
    def audit_ref(self) -> str:
        return self.agreement.audit_ref


def without_content() -> "Prefetch[str, QuerySet[AgreementDocument], str]":
    """Returns the prefetch that gives each of several agreements its `document`."""
    return Prefetch("documents", AgreementDocument.objects.defer("content"))
