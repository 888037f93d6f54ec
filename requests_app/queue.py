"""Queueing work: a task is a hint that a row wants attention, sent once the row is committed."""

import logging
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def enqueue(name: str, **ids: str | int) -> None:
    """Sends the task `name` ("room.verb") with `ids` once the current transaction commits.

    A broker that cannot be reached is logged and otherwise ignored: the committed row is the
    truth, and the periodic sweep finds it.
    """
    transaction.on_commit(partial(_send, name, ids))


def hint(name: str, *, expires: float) -> None:
    """Sends the task `name` now; whoever finds it after so many seconds leaves it alone."""
    _send(name, {}, expires=expires)


def _send(name: str, ids: dict[str, str | int], **options: Any) -> None:
    try:
        current_app.signature(name, kwargs=ids).apply_async(retry=False, **options)
    except (OperationalError, OSError) as error:
        logger.warning("queue unreachable, %s is left to the sweep: %s", name, error)
