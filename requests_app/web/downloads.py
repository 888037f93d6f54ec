"""The pages and bytes below an e-mailed download link, or for an access token.

Every view goes through `opened`, which asks the one access function; files are found by their row,
never by joining a path. A GET that gets bytes is written down before the first of them.
"""

import logging
import mimetypes
from collections.abc import Callable
from datetime import datetime
from functools import partial, wraps
from http import HTTPStatus

from django.db import Error
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from requests_app.audit import kinds, origin
from requests_app.datasets.models import File, Release
from requests_app.distribution import streams
from requests_app.distribution.access import (
    Access,
    Wanted,
    fetchable_files,
    fetchable_releases,
    resolve,
)
from requests_app.distribution.journal import GateClosed
from requests_app.distribution.models import DownloadLink
from requests_app.distribution.packages import storage, stored_key, whole_file
from requests_app.distribution.storage.base import StorageError
from requests_app.errors import NotFound
from requests_app.web.accounting import Account, Item, Limited
from requests_app.web.download_page import page_context
from requests_app.web.file_lists import quoted
from requests_app.web.handing_over import hand_over
from requests_app.web.refusals import ask_to_sign_in, refuse, say
from requests_app.web.serving import PRIVATE, Content, Representation, private, serve

logger = logging.getLogger(__name__)

SAFE = ("GET", "HEAD")
NO_FILE = "This link has no such file. The list of its files is in manifest.sha256."
NO_RELEASE = "This link has no such release. Open the link's page to see what it has."
NO_PAGE = "An access token has no page. Its files are listed below /data/files/."
ANONYMOUS = "Send an access token in the header Authorization: Bearer."
NOT_NOW = (
    "The portal cannot hand this out at the moment; nothing was sent. Please try again in a few"
    " minutes, and write to the maintainers if it stays so."
)

View = Callable[..., HttpResponseBase]


def opened(view: View) -> Callable[..., HttpResponseBase]:
    """Call `view(request, access, now, ...)` for a token that opens; answer for every other.

    The token is in the path, or in the header `Authorization: Bearer` (RFC 6750 section 2.1).
    """

    @csrf_exempt
    @wraps(view)
    def wrapper(request: HttpRequest, token: str = "", **what: str) -> HttpResponseBase:
        if request.method not in SAFE:
            return HttpResponseNotAllowed(SAFE, headers=PRIVATE)
        if not (token or (token := _bearer(request))):
            return _unauthorized(request)
        return _answered(view, request, token, what)

    return wrapper


def _answered(
    view: View, request: HttpRequest, token: str, what: dict[str, str]
) -> HttpResponseBase:
    now, asked = timezone.now(), "/".join([view.__name__, *what.values()])
    no_text = "\0" in asked  # PostgreSQL cannot even compare it
    wanted = Wanted(what["path"], what.get("version")) if "path" in what and not no_text else None
    try:
        access = resolve(token, now, origin.current().ip, wanted)
    except Error:
        logger.exception("nobody's right to %s can be looked up", asked)
        return later(request)
    if not access.allowed:
        return refuse(request, access, asked)
    try:
        if no_text:
            raise NotFound(NO_FILE)  # noqa: TRY301 - the same for every view
        return view(request, access, now, **what)
    except NotFound as error:
        return say(request, error.message, HTTPStatus.NOT_FOUND)
    except Limited as error:
        return refuse(request, error.access, asked)
    except (StorageError, Error, GateClosed):
        logger.exception("%s could not be served under grant %s", asked, access.grant.pk)
        return later(request)


def _bearer(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _unauthorized(request: HttpRequest) -> HttpResponse:
    response = say(request, ANONYMOUS, HTTPStatus.UNAUTHORIZED)
    response["WWW-Authenticate"] = 'Bearer realm="downloads"'
    return response


def later(request: HttpRequest) -> HttpResponse:
    """Nothing is handed out at the moment; it may be the database that does not answer."""
    response = say(request, NOT_NOW, HTTPStatus.SERVICE_UNAVAILABLE, by_itself=True)
    response["Retry-After"] = "60"
    return response


@opened
def page(request: HttpRequest, access: Access, now: datetime) -> HttpResponse:
    """What can be fetched with this link, until when, and how; by default for its holder alone."""
    link = link_for(request, access)
    if link is None:
        return ask_to_sign_in(request)
    context = page_context(request, link, list(fetchable_releases(link.grant, now)), now)
    return private(render(request, "web/download.html", context))


def link_for(request: HttpRequest, access: Access) -> DownloadLink | None:
    """The link whose page is asked for; None for somebody who must sign in as its holder first.

    Raises NotFound for an access token, which has no page.
    """
    link, use = access.credential, access.use
    if not isinstance(link, DownloadLink) or use is None:
        raise NotFound(NO_PAGE)
    is_holder = link.grant.applicant_id == request.user.pk
    return link if is_holder or not use.limits.page_sign_in else None


@opened
def file(
    request: HttpRequest, access: Access, now: datetime, path: str, version: str | None = None
) -> HttpResponseBase:
    """One file of the newest release, or of the release named."""
    row = access.file
    if row is None:
        return _folder(request, access, now, path, version)
    content = Representation(
        length=row.size,
        etag=f'"{row.sha256}"',
        name=row.path.rpartition("/")[2],
        media_type=_media_type(row.path),
        read=partial(_read_file, row),
    )
    item = Item(kinds.FILE_DOWNLOADED, row.release.version, row.path, row.sha256)
    account = Account(request, access, item)
    return hand_over(request, stored_key(row), content, account) or serve(request, content, account)


def releases_of(access: Access, now: datetime, version: str | None) -> QuerySet[Release]:
    found = fetchable_releases(access.grant, now)
    return found if version is None else found.filter(version=version)


def release_of(access: Access, now: datetime, version: str | None) -> Release:
    release = releases_of(access, now, version).first()
    if release is None:
        raise NotFound(NO_RELEASE)
    return release


def _folder(
    request: HttpRequest, access: Access, now: datetime, path: str, version: str | None
) -> HttpResponseBase:
    """Where a path names a folder, its listing is one slash further, as file servers have it."""
    files = fetchable_files(access.grant, now).filter(path__startswith=f"{path}/")
    if not files.filter(release__in=releases_of(access, now, version)[:1]).exists():
        raise NotFound(NO_FILE)
    return private(HttpResponseRedirect(f"{quoted(path.rpartition('/')[2])}/"))


def _read_file(row: File, start: int, stop: int) -> Content:
    return streams.open_slice(storage(), whole_file(row, start, stop))


def _media_type(path: str) -> str:
    return mimetypes.guess_type(path)[0] or "application/octet-stream"
