"""A document that cannot be made: tried again after ever longer pauses, and an operator is told."""

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from requests_app.agreements.documents import Kind, render_document, without
from requests_app.agreements.models import Agreement, AgreementDocument, FailedRendering
from requests_app.errors import Conflict, NotFound

logger = logging.getLogger(__name__)

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = 10  # doublings of the first: 17 hours


def failing() -> QuerySet[Agreement]:
    """Returns the agreements whose document could not be made so far, the longest failing first."""
    failed = Agreement.objects.exclude(failed_rendering=None).select_related("failed_rendering")
    return without(Kind.SEALED, failed).order_by("-failed_rendering__attempts", "signed_at")


def try_to_render(*, agreement_id: UUID | str) -> AgreementDocument | None:
    """Makes the document as `render_document` does; None when that failed.

    Raises NotFound and Conflict as it does: neither gets better by waiting. Any other failure is
    kept in a row with a pause that doubles each time, up to 17 hours, during which the sweep leaves
    it alone. The first one is logged as an error with its traceback, later ones as warnings.
    """
    try:
        return render_document(agreement_id=agreement_id)
    except (NotFound, Conflict):
        raise
    except Exception as error:
        failed = _pause(agreement_id, error)
        logger.log(
            logging.ERROR if failed.attempts == 1 else logging.WARNING,
            "the document of agreement %s was not made, attempt %s, next after %s: %s",
            failed.agreement,
            failed.attempts,
            failed.not_before.isoformat(timespec="seconds"),
            failed.last_error,
            exc_info=failed.attempts == 1,
        )
    return None


@transaction.atomic
def _pause(agreement_id: UUID | str, error: Exception) -> FailedRendering:
    FailedRendering.objects.get_or_create(agreement_id=agreement_id)
    rows = FailedRendering.objects.select_for_update(of=("self",)).select_related("agreement")
    failed = rows.get(agreement__pk=agreement_id)
    failed.not_before = timezone.now() + FIRST_PAUSE * 2 ** min(failed.attempts, LONGEST_PAUSE)
    failed.attempts += 1
    failed.last_error = f"{type(error).__name__}: {error}"[:500]
    failed.save(update_fields=["not_before", "attempts", "last_error"])
    return failed
