"""Files that another server sends: nginx from the same folder, or the object store by redirect.

The gate has judged by then, and the transfer is written down, before either learns of it. What has
no bytes (HEAD, 304, 412, 416) stays the portal's. nginx sends under our entity tag, so that it
judges `If-Range` as we do; the object store has tags of its own, so there that stays ours too.
"""

from http import HTTPStatus
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import content_disposition_header

from requests_app import conf
from requests_app.distribution import nginx_log
from requests_app.distribution.journal import GateClosed
from requests_app.distribution.packages import handover
from requests_app.distribution.ranges import Kind, Selection, select
from requests_app.distribution.running import watcher
from requests_app.distribution.storage.base import LocalPath, PresignedUrl
from requests_app.distribution.transfers import How
from requests_app.web.accounting import Account
from requests_app.web.serving import Representation, private

TRANSFER = "X-Transfer"
"""Which transfer it is, for nginx to log; it tells no client."""
_CONDITIONS = ("If-Match", "If-None-Match")
"""What is met by our tag is answered without bytes, or needs no other answer than ours."""


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
    if request.method != "GET" or any(content.etag in _said(request, name) for name in _CONDITIONS):
        return None
    selection = _asked(request, content)
    if selection.kind is Kind.UNSATISFIABLE:
        return None
    found = handover(key, name=content.name, media_type=content.media_type)
    if isinstance(found, PresignedUrl):
        if content.etag in _said(request, "If-Range"):
            return None
        # The address opens the whole file, whatever range this request asks for.
        account.hand_over(selection, HTTPStatus.FOUND, How.STORE, promised=content.length)
        return private(HttpResponseRedirect(found.url))
    if isinstance(found, LocalPath) and (prefix := conf.accel_prefix()):
        return _by_nginx(prefix + quote(found.path), content, selection, account)
    return None


def _by_nginx(
    path: str, content: Representation, selection: Selection, account: Account
) -> HttpResponse:
    tells = conf.nginx_dir() is not None
    if tells:
        if not nginx_log.has_room():
            raise GateClosed("There is no room for nginx to log what it sends.")
        watcher().watch_nginx()
    response = private(HttpResponse(content_type=content.media_type))
    response["X-Accel-Redirect"] = path
    response["Content-Disposition"] = (
        content_disposition_header(as_attachment=True, filename=content.name) or ""
    )
    response["ETag"] = content.etag  # nginx sends it instead of its own
    is_part = selection.kind is Kind.PART
    status = HTTPStatus.PARTIAL_CONTENT if is_part else HTTPStatus.OK
    begin = account.begin if tells else account.hand_over
    response[TRANSFER] = str(begin(selection, status, How.NGINX).pk)
    if tells:
        watcher().watch_nginx()  # who looked before the row was there has seen nothing to watch
    return response


def _said(request: HttpRequest, header: str) -> str:
    return request.headers.get(header, "")


def _asked(request: HttpRequest, content: Representation) -> Selection:
    return select(
        range_header=request.headers.get("Range"),
        if_range=request.headers.get("If-Range"),
        length=content.length,
        etag=content.etag,
    )
