"""Who opened which document of a request: its agreement, or the ethics approval."""

from django.db import transaction

from requests_app.audit import kinds, log
from requests_app.identity.models import User
from requests_app.requests.models import AccessRequest


@transaction.atomic
def record_opened(*, access_request: AccessRequest, by: User, document: str, sha256: str) -> None:
    """Writes the entry that `by` is handed `document`; call it before the bytes go out."""
    log.record(kinds.DOCUMENT_OPENED, by=by, on=access_request, document=document, sha256=sha256)
