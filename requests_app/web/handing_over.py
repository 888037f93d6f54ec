"""Files that another server sends: nginx from the same folder, or the object store by redirect.

The gate has judged by then, and the entry is written, before either learns of it. An answer to
`HEAD`, and one that depends on our entity tag, which the other does not know, stay the portal's.
"""

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import content_disposition_header

from requests_app import conf
from requests_app.distribution.packages import handover
from requests_app.distribution.ranges import Kind, Selection, select
from requests_app.distribution.storage.base import LocalPath, PresignedUrl
from requests_app.web.serving import Representation, private

_CONDITIONS = ("If-Match", "If-None-Match", "If-Range")


def hand_over(
    request: HttpRequest,
    key: str,
    content: Representation,
    record: Callable[[Selection, int], None],
) -> HttpResponse | None:
    """Returns the answer that has somebody else send a stored file; None when the portal is to.

    `record(selection, status)` writes the entry first; what it raises ends the request. The bytes
    in it are those that may be sent: how many were, only the other server sees.
    """
    if request.method != "GET" or any(content.etag in _said(request, name) for name in _CONDITIONS):
        return None
    found = handover(key, name=content.name, media_type=content.media_type)
    if isinstance(found, PresignedUrl):
        record(_asked(request, content), HTTPStatus.FOUND)
        return private(HttpResponseRedirect(found.url))
    if isinstance(found, LocalPath) and (prefix := conf.accel_prefix()):
        selection = _asked(request, content)
        if selection.kind is not Kind.UNSATISFIABLE:
            part = selection.kind is Kind.PART
            record(selection, HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK)
        response = HttpResponse(content_type=content.media_type)
        response["X-Accel-Redirect"] = prefix + quote(found.path)
        response["Content-Disposition"] = (
            content_disposition_header(as_attachment=True, filename=content.name) or ""
        )
        return private(response)
    return None


def _said(request: HttpRequest, header: str) -> str:
    return request.headers.get(header, "")


def _asked(request: HttpRequest, content: Representation) -> Selection:
    """What the client asks for; whether `If-Range` holds, the other server decides."""
    return select(
        range_header=request.headers.get("Range"),
        if_range=None,
        length=content.length,
        etag=content.etag,
    )
