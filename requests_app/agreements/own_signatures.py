"""Agreements that the applicant signs with a certificate of their own: rows written once.

The choice is made when the agreement is signed on the page; the document follows when nobody else
has yet to sign, and the signed document when the applicant brings it back.
"""

from django.db import models
from django.utils import timezone

from requests_app.agreements.models import Agreement


class OwnCertificateChoice(models.Model):
    """The applicant signs this agreement's PDF with a certificate of their own."""

    agreement = models.OneToOneField(
        Agreement, on_delete=models.PROTECT, related_name="own_certificate"
    )
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.agreement} with an own certificate"


class IssuedDocument(models.Model):
    """The exact PDF that the applicant is to sign, without a seal."""

    agreement = models.OneToOneField(
        Agreement, on_delete=models.PROTECT, related_name="issued_document"
    )
    content = models.BinaryField()
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    issued_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.agreement}, to be signed"


class OwnSignature(models.Model):
    """The issued document as the applicant signed it, and what their certificate says."""

    agreement = models.OneToOneField(
        Agreement, on_delete=models.PROTECT, related_name="own_signature"
    )
    content = models.BinaryField()
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    certificate = models.JSONField(help_text="`own_certificate.Certificate` as JSON.")
    accepted_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.agreement}, signed by its applicant"
