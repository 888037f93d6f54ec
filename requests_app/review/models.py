"""What maintainers decided. Append-only, like the agreements it stands on (`audit.guarded`)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from requests_app.agreements.models import Agreement
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import Verb

DECISIONS = (Verb.APPROVE, Verb.RETURN, Verb.REJECT)


class Decision(models.Model):
    """One decision by one approver on one signed agreement.

    Its words are emptied when their time is over (`review.retention`); nothing else ever changes.
    """

    access_request = models.ForeignKey(
        AccessRequest, on_delete=models.PROTECT, related_name="decisions"
    )
    agreement = models.OneToOneField(Agreement, on_delete=models.PROTECT, related_name="decision")
    verb = models.CharField(max_length=10, choices=[(v.value, v.label) for v in DECISIONS])
    reason = models.TextField(help_text="The applicant reads this.")
    private_note = models.TextField(blank=True, help_text="Only maintainers read this.")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions"
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(verb__in=[verb.value for verb in DECISIONS]), name="decision_verb_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_verb_display()}: {self.access_request}"
