"""Work of this room as tasks; beat runs the sealer. And what a worker tells of the log's key."""

import logging
from typing import Any

from celery import shared_task
from celery.worker.control import inspect_command

from requests_app.audit import checkpoints, log_key, witnesses
from requests_app.errors import Misconfigured, PortalError

logger = logging.getLogger(__name__)


@shared_task(name="audit.seal")
def seal() -> None:
    try:
        checkpoints.seal()
    except PortalError as error:
        # It comes round every few seconds: the sentence, not each time with a traceback.
        logger.error("%s", error.message)  # noqa: TRY400


@shared_task(name="audit.ask_witness")
def ask_witness(post_id: str) -> None:
    witnesses.ask_witness(post_id=post_id)


@inspect_command(name="log_key")
def can_sign(state: Any) -> bool:
    """Tells whoever asks the worker whether it can use the log's key; asks no database."""
    try:
        log_key.load()
    except Misconfigured:
        return False
    return True
