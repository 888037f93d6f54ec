"""Delivering what the outbox holds: each message once, whoever is killed meanwhile."""

import logging

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from requests_app import conf
from requests_app.audit import kinds, log
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import as_email

logger = logging.getLogger(__name__)


def waiting() -> QuerySet[Message]:
    """Returns the messages not sent and not being sent by a living worker, oldest first."""
    stale = timezone.now() - conf.message_lease()
    return Message.objects.filter(
        Q(claimed_at__isnull=True) | Q(claimed_at__lt=stale), sent_at__isnull=True
    ).order_by("created_at")


def deliver(*, message_id: str) -> bool:
    """Sends one message and erases its content; returns whether this call sent it.

    A worker claims the row first, so two never send at once; a claim lapses after the lease, so a
    killed worker's message is sent by the next sweep. A mail server's refusal is kept on the row
    and the message waits for the sweep.
    """
    message = _claim(message_id)
    if message is None:
        return False
    try:
        as_email(message).send()
    except Exception as error:  # noqa: BLE001 - whatever a mail server does, the message must wait
        logger.warning("message %s was not sent: %s", message.pk, type(error).__name__)
        Message.objects.filter(pk=message.pk).update(
            last_error=f"{type(error).__name__}: {error}"[:500]
        )
        return False
    with transaction.atomic():
        Message.objects.filter(pk=message.pk).update(
            sent_at=timezone.now(), payload=b"", last_error=""
        )
        log.record(
            kinds.MESSAGE_SENT,
            by=log.SYSTEM,
            on=message,
            name=message.name,
            attempts=message.attempts,
            recipient=message.recipient,
        )
    return True


def _claim(message_id: str) -> Message | None:
    with transaction.atomic():
        message = waiting().select_for_update().filter(pk=message_id).first()
        if message is not None:
            message.claimed_at = timezone.now()
            message.attempts += 1
            message.save(update_fields=["claimed_at", "attempts"])
    return message
