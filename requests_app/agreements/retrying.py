"""A document that cannot be made: tried again after ever longer pauses, and an operator is told."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from requests_app.agreements.documents import countersign_document, render_document
from requests_app.agreements.failures import Kind
from requests_app.agreements.models import AgreementDocument, FailedDocument
from requests_app.agreements.own_signatures import IssuedDocument
from requests_app.agreements.own_signing import issue_document
from requests_app.errors import Conflict, NotFound

logger = logging.getLogger(__name__)
Made = TypeVar("Made")

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = 10  # doublings of the first: 17 hours


def try_to_render(*, agreement_id: UUID | str) -> AgreementDocument | None:
    """Makes the sealed document as `render_document` does; None when that failed."""
    return _try(Kind.SEALED, agreement_id, lambda: render_document(agreement_id=agreement_id))


def try_to_countersign(*, agreement_id: UUID | str) -> AgreementDocument | None:
    """Countersigns as `countersign_document` does; None when that failed."""
    return _try(
        Kind.COUNTERSIGNED, agreement_id, lambda: countersign_document(agreement_id=agreement_id)
    )


def try_to_issue(*, agreement_id: UUID | str) -> IssuedDocument | None:
    """Issues the document to be signed as `issue_document` does; None also when that failed."""
    return _try(Kind.ISSUED, agreement_id, lambda: issue_document(agreement_id=agreement_id))


def _try(kind: Kind, agreement_id: UUID | str, make: Callable[[], Made]) -> Made | None:
    """Returns what `make` returns; None when it failed.

    Raises NotFound and Conflict as it does: neither gets better by waiting. Any other failure is
    kept in a row with a pause that doubles each time, up to 17 hours, during which the sweep leaves
    it alone. The first one is logged as an error with its traceback, later ones as warnings.
    """
    try:
        return make()
    except (NotFound, Conflict):
        raise
    except Exception as error:
        failed = _pause(kind, agreement_id, error)
        logger.log(
            logging.ERROR if failed.attempts == 1 else logging.WARNING,
            "the %s document of agreement %s was not made, attempt %s, next after %s: %s",
            kind,
            failed.agreement,
            failed.attempts,
            failed.not_before.isoformat(timespec="seconds"),
            failed.last_error,
            exc_info=failed.attempts == 1,
        )
    return None


@transaction.atomic
def _pause(kind: Kind, agreement_id: UUID | str, error: Exception) -> FailedDocument:
    FailedDocument.objects.get_or_create(agreement_id=agreement_id, kind=kind)
    rows = FailedDocument.objects.select_for_update(of=("self",), no_key=True).select_related(
        "agreement"
    )
    failed = rows.get(agreement__pk=agreement_id, kind=kind)
    failed.not_before = timezone.now() + FIRST_PAUSE * 2 ** min(failed.attempts, LONGEST_PAUSE)
    failed.attempts += 1
    failed.last_error = f"{type(error).__name__}: {error}"[:500]
    failed.save(update_fields=["not_before", "attempts", "last_error"])
    return failed
