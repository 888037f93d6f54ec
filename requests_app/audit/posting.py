"""Which receivers outside wait for the latest checkpoint: rows, so that no posting is lost."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from requests_app.audit import checkpoints
from requests_app.audit.models import CheckpointPost, SignedCheckpoint

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = 10  # doublings of the first: 17 hours


def due(receivers: Collection[str]) -> QuerySet[CheckpointPost]:
    """Returns the receivers that lack the latest checkpoint and may be tried now.

    A receiver that was not there before gets its row.
    """
    last = checkpoints.latest()
    if not receivers or last is None:
        return CheckpointPost.objects.none()
    missing = set(receivers) - set(CheckpointPost.objects.values_list("receiver", flat=True))
    rows = (CheckpointPost(receiver=receiver) for receiver in sorted(missing))
    CheckpointPost.objects.bulk_create(rows, ignore_conflicts=True)
    behind = CheckpointPost.objects.filter(receiver__in=receivers, size__lt=last.size)
    return behind.filter(not_before__lte=timezone.now()).order_by("pk")


@transaction.atomic
def claim(
    post_id: int | str, receivers: Collection[str]
) -> tuple[CheckpointPost, SignedCheckpoint] | None:
    """Returns the row, and the checkpoint to post, for one caller alone; None if nothing is due.

    The claim lapses after a pause that doubles with every attempt, up to 17 hours.
    """
    post = due(receivers).select_for_update(no_key=True).filter(pk=post_id).first()
    checkpoint = checkpoints.latest()
    if post is None or checkpoint is None:
        return None
    post.not_before = timezone.now() + FIRST_PAUSE * 2 ** min(post.attempts, LONGEST_PAUSE)
    post.attempts += 1
    post.save(update_fields=["not_before", "attempts"])
    return post, checkpoint


def accepted(post: CheckpointPost, checkpoint: SignedCheckpoint, *, every: timedelta) -> None:
    """Keeps that the receiver has this checkpoint; the next is posted after `every`."""
    CheckpointPost.objects.filter(pk=post.pk).update(
        size=checkpoint.size, not_before=timezone.now() + every, attempts=0, last_error=""
    )


def failed(post: CheckpointPost, why: str) -> None:
    """Keeps why a posting failed; it is tried again when the claim lapses."""
    said = why.replace("\0", "?")[:500]  # a stranger's words, and PostgreSQL keeps no NUL
    CheckpointPost.objects.filter(pk=post.pk).update(last_error=said)
