"""The audit log's tables. Only `audit.log` writes them; triggers refuse every change after."""

from django.db import models
from django.utils import timezone


class Entry(models.Model):
    """One act: who did what, on what, when. Values, not foreign keys: it outlives what it names.

    Personal values are not here but in `PersonalValue`; `commitments` holds a salted hash of each,
    so that erasing the value leaves the entry whole.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True)
    kind = models.CharField(max_length=60, db_index=True)
    actor = models.CharField(max_length=120, db_index=True)
    subject = models.CharField(max_length=400)
    trail = models.CharField(max_length=120, db_index=True)
    details = models.JSONField(default=dict)
    commitments = models.JSONField(default=dict)

    class Meta:
        ordering = ("-pk",)
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.kind}"


class PersonalValue(models.Model):
    """A personal value of an entry, and the salt of its commitment. May be erased, never edited."""

    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="personal_values")
    field = models.CharField(max_length=40)
    value = models.JSONField()
    salt = models.CharField(max_length=64)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("entry", "field"), name="personal_value_once"),
        )

    def __str__(self) -> str:
        return f"{self.field} of entry {self.entry_id}"
