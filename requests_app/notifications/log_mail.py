"""Mailing the log's checkpoints to mailboxes that the lab does not keep."""

from django.db import transaction
from django.db.models import QuerySet

from requests_app import conf
from requests_app.audit import posting
from requests_app.notifications import messages
from requests_app.notifications.models import Message


def waiting() -> QuerySet:  # type: ignore[type-arg]  # rows of the audit room
    """Returns the mailboxes that wait for the latest checkpoint."""
    return posting.due(conf.log_mailboxes())


@transaction.atomic
def mail_checkpoint(*, post_id: int | str) -> Message | None:
    """Posts the latest checkpoint to a mailbox; None when that is not due.

    Effects, in one transaction: the message, and when the next one is due.
    """
    claimed = posting.claim(post_id, conf.log_mailboxes())
    if claimed is None:
        return None
    post, checkpoint = claimed
    posting.accepted(post, checkpoint, every=conf.log_mailbox_interval())
    return messages.log_checkpoint(
        to=post.receiver, checkpoint=checkpoint.note, size=checkpoint.size, vkey=checkpoint.vkey
    )
