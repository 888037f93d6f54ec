"""The audit log's tables. Only this room writes them; triggers refuse every change after."""

from django.db import models
from django.utils import timezone

from requests_app.audit.canonical import BLINDING


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

    @property
    def personal_fields(self) -> list[str]:
        """The personal fields that it commits to, those that were erased since among them."""
        return [name for name in self.commitments if name != BLINDING]


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


class Unsequenced(models.Model):
    """An entry that waits for its place in the tree: written with it, gone with the place."""

    entry = models.OneToOneField(
        Entry, on_delete=models.PROTECT, primary_key=True, related_name="unsequenced"
    )

    def __str__(self) -> str:
        return f"entry {self.entry_id} waits"


class Leaf(models.Model):
    """An entry's place in the tree, counted from 0 without a gap, and its leaf hash."""

    place = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, related_name="leaf")
    hash = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"leaf {self.place}"


class TreeNode(models.Model):
    """The root of a perfect subtree, over leaves index * 2^height and on (`merkle.STEP`)."""

    height = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("height", "index"), name="tree_node_once"),)

    def __str__(self) -> str:
        return f"node {self.height}/{self.index}"


class SignedCheckpoint(models.Model):
    """A checkpoint that was signed: its size, the signed note and the public key (vkey)."""

    size = models.BigIntegerField(primary_key=True)
    note = models.TextField()
    vkey = models.CharField(max_length=300)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-size",)

    def __str__(self) -> str:
        return f"checkpoint of size {self.size}"


class WitnessSignature(models.Model):
    """What a witness returned for a checkpoint: signature lines of its note (tlog-cosignature)."""

    checkpoint = models.ForeignKey(
        SignedCheckpoint, on_delete=models.PROTECT, related_name="witness_signatures"
    )
    witness = models.CharField(max_length=300, help_text="The name it signs under.")
    lines = models.TextField()
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("checkpoint", "witness"), name="witness_signature_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.witness} on {self.checkpoint}"


class CheckpointPost(models.Model):
    """Where checkpoints are posted: the size its receiver has, and when the next may be tried.

    The receiver is a witness's address or a mailbox.
    """

    receiver = models.CharField(max_length=400, unique=True)
    size = models.BigIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return f"{self.receiver} has size {self.size}"
