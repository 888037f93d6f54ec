"""Delivering what the outbox holds: each message once, whoever is killed meanwhile."""

import logging

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from requests_app import conf
from requests_app.audit import kinds, log
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import as_email

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 10  # doublings of the lease


def waiting() -> QuerySet[Message]:
    """Returns the messages not sent and not being sent by a living worker, oldest first."""
    return Message.objects.filter(sent_at__isnull=True, not_before__lte=timezone.now()).order_by(
        "created_at"
    )


def deliver(*, message_id: str) -> bool:
    """Sends one message and erases its content; returns whether this call sent it.

    A worker claims the row first, so two never send at once; a claim lapses after the lease, so a
    killed worker's message is sent by the next sweep. A mail server's refusal is kept on the row,
    and the sweep tries again after a pause that doubles with every attempt, up to 17 hours.
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
        message = waiting().select_for_update(no_key=True).filter(pk=message_id).first()
        if message is not None:
            pause = conf.message_lease() * 2 ** min(message.attempts, LONGEST_PAUSE)
            message.not_before = timezone.now() + pause
            message.attempts += 1
            message.save(update_fields=["not_before", "attempts"])
    return message
