"""Files that another server sends: nginx from the same folder, or the object store by redirect.

The gate has judged by then, and the transfer is written down, before either learns of it. An answer
to `HEAD`, the refusal of a range, and what depends on our entity tag where the other does not know
it, stay the portal's: nginx holds `If-Range` against the tag it is told, the store has its own.
"""

from http import HTTPStatus
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import content_disposition_header

from requests_app import conf
from requests_app.distribution.packages import handover
from requests_app.distribution.ranges import Kind, Selection, select
from requests_app.distribution.storage.base import LocalPath, PresignedUrl
from requests_app.distribution.transfers import How
from requests_app.web.accounting import Account
from requests_app.web.serving import Representation, private

TRANSFER = "X-Transfer"
"""Which transfer it is, for nginx to log; it tells no client."""
_CONDITIONS = ("If-Match", "If-None-Match")


def hand_over(
    request: HttpRequest,
    key: str,
    content: Representation,
    account: Account,
) -> HttpResponse | None:
    """Returns the answer that has somebody else send a stored file; None when the portal is to.

    What `account` raises ends the request. nginx tells later how many bytes it sent, where it is
    asked to (`CMED_NGINX_DIR`); the object store never does.
    """
    if request.method != "GET" or any(_names(request, each, content) for each in _CONDITIONS):
        return None
    selection = _asked(request, content)
    if selection.kind is Kind.UNSATISFIABLE:  # else the other might send what nobody wrote down
        return None
    found = handover(key, name=content.name, media_type=content.media_type)
    if isinstance(found, PresignedUrl) and not _names(request, "If-Range", content):
        account.hand_over(selection, HTTPStatus.FOUND, How.STORE)
        return private(HttpResponseRedirect(found.url))
    if isinstance(found, LocalPath) and (prefix := conf.accel_prefix()):
        return _by_nginx(prefix + quote(found.path), content, selection, account)
    return None


def _by_nginx(
    path: str, content: Representation, selection: Selection, account: Account
) -> HttpResponse:
    response = private(HttpResponse(content_type=content.media_type))
    response["X-Accel-Redirect"] = path
    response["ETag"] = content.etag
    response["Content-Disposition"] = (
        content_disposition_header(as_attachment=True, filename=content.name) or ""
    )
    status = HTTPStatus.PARTIAL_CONTENT if selection.kind is Kind.PART else HTTPStatus.OK
    begin = account.begin if conf.nginx_dir() else account.hand_over
    response[TRANSFER] = str(begin(selection, status, How.NGINX).pk)
    return response


def _names(request: HttpRequest, condition: str, content: Representation) -> bool:
    return content.etag in request.headers.get(condition, "")


def _asked(request: HttpRequest, content: Representation) -> Selection:
    """What the client asks for; a store that knows another tag may find that `If-Range` holds."""
    return select(
        range_header=request.headers.get("Range"),
        if_range=request.headers.get("If-Range"),
        length=content.length,
        etag=content.etag,
    )
