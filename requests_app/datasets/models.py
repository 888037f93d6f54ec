"""A dataset, its numbered releases, and their files. A published release never changes."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Dataset(models.Model):
    """One gated dataset; everything public about it is its card (see `datasets.card`)."""

    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=300)
    card = models.JSONField(help_text="The card file as read, the source of every public page.")
    card_sha256 = models.CharField(max_length=64)
    maintainers = models.ManyToManyField(
        settings.AUTH_USER_MODEL, related_name="maintained_datasets", blank=True
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.title

    @property
    def audit_ref(self) -> str:
        return f"dataset:{self.slug}"


class Release(models.Model):
    """An immutable, numbered set of files with sizes and digests."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="releases")
    version = models.CharField(max_length=20)
    published_at = models.DateTimeField(default=timezone.now)
    is_synthetic = models.BooleanField(
        default=False, help_text="Demo data: drawn shapes, no child appears."
    )
    file_count = models.PositiveIntegerField()
    total_bytes = models.PositiveBigIntegerField()
    manifest_sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ("dataset", "-published_at")
        constraints = (
            models.UniqueConstraint(fields=("dataset", "version"), name="release_version_once"),
        )

    def __str__(self) -> str:
        return f"{self.dataset} {self.version}"

    @property
    def storage_prefix(self) -> str:
        """Where the release's files lie in the file store, without a trailing slash."""
        return f"{self.dataset.slug}/{self.version}"

    @property
    def audit_ref(self) -> str:
        return f"release:{self.dataset.slug}/{self.version}"


class File(models.Model):
    """One file of a release. A clip has a label and a participant code; a `labels.csv` has not."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="files")
    path = models.CharField(max_length=300, help_text="POSIX path inside the release.")
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    crc32 = models.PositiveBigIntegerField()
    label = models.CharField(max_length=100, blank=True)
    participant_code = models.CharField(max_length=50, blank=True)
    # Null rather than empty: adding a column with a value would rebuild a table that never changes.
    split = models.CharField(
        max_length=50,
        null=True,
        blank=True,
        help_text="Of a clip whose release has splits; releases from before the column have none.",
    )

    class Meta:
        ordering = ("release", "path")
        constraints = (
            models.UniqueConstraint(fields=("release", "path"), name="file_path_once"),
            models.CheckConstraint(
                condition=Q(label="", participant_code="")
                | (~Q(label="") & ~Q(participant_code="")),
                name="clip_has_label_and_participant",
            ),
        )
        indexes = (models.Index(fields=("release", "label")),)

    def __str__(self) -> str:
        return self.path

    @property
    def audit_ref(self) -> str:
        return f"file:{self.release.dataset.slug}/{self.release.version}/{self.path}"
