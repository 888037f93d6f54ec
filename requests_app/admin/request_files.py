"""The files of a request, for those who may review it: the agreement and the ethics approval."""

from typing import Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from requests_app.admin.roles import person
from requests_app.agreements.models import AgreementDocument
from requests_app.review.dossier import openable_ethics_document, visible

OURS: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'none'"
)
THEIRS: Final = "default-src 'none'; frame-ancestors 'none'; sandbox"


@require_safe
def agreement(request: HttpRequest, object_id: UUID, agreement_id: UUID) -> HttpResponse:
    """The agreement's newest PDF, shown in the browser: the portal made it itself."""
    access_request = visible(access_request_id=object_id, to=person(request))
    found = (
        AgreementDocument.objects.filter(
            agreement=agreement_id, agreement__access_request=access_request
        )
        .select_related("agreement")
        .last()
    )
    if found is None:
        raise Http404
    name = f"{found.agreement.number}.pdf"
    return _pdf(bytes(found.content), name, attachment=False, policy=OURS)


@require_safe
def ethics(request: HttpRequest, object_id: UUID, document_id: int) -> HttpResponse:
    """An uploaded approval, as a download: it came from outside and may hold anything."""
    access_request = visible(access_request_id=object_id, to=person(request))
    found = openable_ethics_document(access_request, document_id)
    return _pdf(bytes(found.content), found.name, attachment=True, policy=THEIRS)


def _pdf(content: bytes, name: str, *, attachment: bool, policy: str) -> HttpResponse:
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = content_disposition_header(attachment, name) or "attachment"
    response["Content-Security-Policy"] = policy
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
