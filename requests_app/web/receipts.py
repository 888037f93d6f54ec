"""Receipts as files: of one entry, and of the pieces in which one thing was fetched."""

import base64
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render

from requests_app.audit import checkpoints, kinds, reading
from requests_app.audit.tree import AT_ONCE
from requests_app.distribution.fetched import Fetched, fetched_with
from requests_app.distribution.models import Grant
from requests_app.errors import NotFound
from requests_app.requests.models import AccessRequest
from requests_app.web.applicants import ApplicantRequest, own_request_page

NOT_WHOLE = "Not all of it is known to have been sent, so there is no receipt of the whole."
_DOWNLOADED: Final = (kinds.FILE_DOWNLOADED, kinds.ARCHIVE_DOWNLOADED, kinds.MANIFEST_DOWNLOADED)


@own_request_page("GET", "HEAD")
def transfer_receipt(
    request: ApplicantRequest, access_request: AccessRequest, grant_id: UUID, transfer_id: UUID
) -> HttpResponse:
    """Sends the receipts of all the pieces of one complete download; 202 while one is to come.

    Which download: the one that the transfer named carried, or carried a part of.
    """
    grant = get_object_or_404(access_request.grants, pk=grant_id)
    found = fetched_with(grant, transfer_id)
    if not found.is_complete:
        raise NotFound(NOT_WHOLE)
    entries = entries_of(grant, [found])
    receipts = [checkpoints.receipt(entries[pk]) for pk in found.proofs if pk in entries]
    ready = [receipt for receipt in receipts if receipt is not None]
    if len(ready) < len(found.proofs):
        return no_receipt_yet(request)
    content = {
        "name": found.name,
        "release": found.release,
        "digest": found.digest,
        "bytes": found.length,
        "receipts": [contents(each) for each in ready],
    }
    return receipt_file(content, f"receipts-{ready[0].index}")


def entries_of(grant: Grant, rows: list[Fetched]) -> dict[UUID, int]:
    """The entries that prove complete downloads: transfer -> number. One query for thousands."""
    proofs = [str(pk) for each in rows for pk in each.proofs]
    entries = reading.story(grant.audit_trail).prefetch_related(None).filter(kind__in=_DOWNLOADED)
    found: dict[UUID, int] = {}
    for start in range(0, len(proofs), AT_ONCE):
        some = entries.filter(details__transfer__in=proofs[start : start + AT_ONCE])
        found |= {UUID(pk): number for pk, number in some.values_list("details__transfer", "pk")}
    return found


def no_receipt_yet(request: HttpRequest) -> HttpResponse:
    """There will be one as soon as a checkpoint covers the entry."""
    context = {"heading": "Not yet", "sentence": "This receipt will be ready in a few seconds."}
    response = render(request, "web/sentence.html", context, status=HTTPStatus.ACCEPTED)
    response["Retry-After"] = "5"
    return response


def contents(receipt: checkpoints.Receipt) -> dict[str, Any]:
    """A receipt as its file tells it, which the script for outsiders reads."""
    return {
        "index": receipt.index,
        "leaf": receipt.leaf,
        "proof": [base64.b64encode(each).decode() for each in receipt.proof],
        "checkpoint": receipt.checkpoint,
    }


def receipt_file(content: dict[str, Any], name: str) -> HttpResponse:
    """A file to keep, of one receipt or several."""
    response = JsonResponse(content, json_dumps_params={"indent": 1, "ensure_ascii": False})
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return response
