"""The access request: one applicant's request for one dataset, and what it was filled with."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django_countries.fields import CountryField

from requests_app.datasets.models import Dataset
from requests_app.requests.states import State

LONG_TEXT = 20_000
LONGEST_PURPOSE = 40_000
"""5,000 words and some: the longest of what is asked for."""


class AccessRequest(models.Model):
    """One applicant's request for one dataset. Only `requests.transitions` writes `state`."""

    class Ethics(models.TextChoices):
        APPROVED = "approved", "An ethics board has approved this research"
        NOT_NEEDED = "not_needed", "No ethics approval is needed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    applicant = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="access_requests"
    )
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="access_requests")
    state = models.CharField(
        max_length=10, choices=State, default=State.DRAFT, editable=False, db_index=True
    )
    state_since = models.DateTimeField(default=timezone.now, editable=False)
    collecting_since = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Others have yet to sign what the applicant signed: nothing may change.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    revision = models.PositiveIntegerField(
        default=0, editable=False, help_text="Counts saves, so that two tabs cannot overwrite."
    )

    # What the address was worth when the request was signed; lists change, evidence does not.
    email = models.EmailField(blank=True, editable=False)
    email_standing = models.CharField(max_length=20, blank=True, editable=False)
    email_reason = models.CharField(max_length=300, blank=True, editable=False)

    legal_name = models.CharField(max_length=200, blank=True)
    institution = models.CharField(max_length=300, blank=True)
    department = models.CharField(max_length=300, blank=True)
    position = models.CharField(max_length=200, blank=True)
    is_student = models.BooleanField(default=False)
    supervisor = models.CharField(max_length=300, blank=True)
    signatory_name = models.CharField(max_length=200, blank=True)
    signatory_position = models.CharField(max_length=200, blank=True)
    signatory_email = models.EmailField(blank=True)
    country = CountryField(blank=True)
    research_title = models.CharField(max_length=300, blank=True)
    purpose = models.TextField(max_length=LONGEST_PURPOSE, blank=True)
    funding = models.TextField(max_length=LONG_TEXT, blank=True)
    ethics = models.CharField(max_length=10, choices=Ethics, blank=True)
    ethics_reference = models.CharField(max_length=200, blank=True)
    ethics_reason = models.TextField(max_length=LONG_TEXT, blank=True)
    data_protection_plan = models.TextField(max_length=LONG_TEXT, blank=True)
    statements = models.JSONField(
        default=list, blank=True, help_text="Ids of the card's compliance statements ticked."
    )

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(condition=Q(state__in=State.values), name="request_state_known"),
        )
        indexes = (models.Index(fields=("dataset", "state", "state_since")),)

    def __str__(self) -> str:
        return self.research_title or "Untitled request"

    @property
    def ethics_document(self) -> "EthicsDocument | None":
        """The approval uploaded last, when the request says that there is one."""
        return self.latest_ethics_document if self.ethics == self.Ethics.APPROVED else None

    @property
    def latest_ethics_document(self) -> "EthicsDocument | None":
        """The approval uploaded last, whatever the request says now; its bytes are read on use."""
        return self.ethics_documents.defer("content").order_by("-pk").first()

    @property
    def audit_ref(self) -> str:
        return f"access_request:{self.pk}"

    @property
    def audit_trail(self) -> str:
        return self.audit_ref


class NamedPerson(models.Model):
    """Somebody besides the applicant who will use the data under this request."""

    access_request = models.ForeignKey(
        AccessRequest, on_delete=models.PROTECT, related_name="named_people"
    )
    name = models.CharField(max_length=200)
    email = models.EmailField()
    role = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.name

    def as_value(self) -> dict[str, Any]:
        return {"name": self.name, "email": self.email, "role": self.role}


class EthicsDocument(models.Model):
    """An uploaded ethics approval (PDF). Replacing it adds a row: what was signed stays."""

    access_request = models.ForeignKey(
        AccessRequest, on_delete=models.PROTECT, related_name="ethics_documents"
    )
    name = models.CharField(max_length=200)
    content = models.BinaryField()
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    uploaded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.name
