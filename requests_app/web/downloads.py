"""The pages and bytes below an e-mailed download link.

Every view goes through `opened`, which asks the one access function; files are found by their row,
never by joining a path. A GET that gets bytes is entered into the audit log before the first byte.
"""

import logging
import mimetypes
from collections.abc import Callable
from datetime import datetime
from functools import partial, wraps
from http import HTTPStatus

from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from requests_app.audit import kinds, log
from requests_app.datasets.models import File, Release
from requests_app.distribution import streams
from requests_app.distribution.access import fetchable_files, fetchable_releases, resolve
from requests_app.distribution.models import DownloadLink
from requests_app.distribution.packages import storage, stored_key, whole_file
from requests_app.distribution.ranges import Selection
from requests_app.distribution.storage.base import StorageError
from requests_app.errors import NotFound
from requests_app.web.download_page import page_context
from requests_app.web.file_lists import quoted
from requests_app.web.handing_over import hand_over
from requests_app.web.refusals import refuse_link, say
from requests_app.web.serving import PRIVATE, Content, Representation, private, serve

logger = logging.getLogger(__name__)

SAFE = ("GET", "HEAD")
NO_FILE = "This link has no such file. The list of its files is in manifest.sha256."
NO_RELEASE = "This link has no such release. Open the link's page to see what it has."
NOT_NOW = (
    "The portal cannot hand this out at the moment; nothing was sent. Please try again in a few"
    " minutes, and write to the maintainers if it stays so."
)

View = Callable[..., HttpResponseBase]


def opened(view: View) -> Callable[..., HttpResponseBase]:
    """Call `view(request, link, now, ...)` for a link that opens; answer for every other."""

    @csrf_exempt
    @wraps(view)
    def wrapper(request: HttpRequest, token: str, **what: str) -> HttpResponseBase:
        if request.method not in SAFE:
            return HttpResponseNotAllowed(SAFE, headers=PRIVATE)
        now = timezone.now()
        access = resolve(token, now)
        if access.link is None or not access.allowed:
            return refuse_link(request, access, "/".join([view.__name__, *what.values()]))
        try:
            if "\0" in "".join(what.values()):
                raise NotFound(NO_FILE)  # noqa: TRY301 - PostgreSQL cannot even compare it
            return view(request, access.link, now, **what)
        except NotFound as error:
            return say(request, error.message, HTTPStatus.NOT_FOUND)
        except (StorageError, DatabaseError):
            logger.exception("%s could not be served for %s", view.__name__, access.link.audit_ref)
            response = say(request, NOT_NOW, HTTPStatus.SERVICE_UNAVAILABLE)
            response["Retry-After"] = "60"
            return response

    return wrapper


@opened
def page(request: HttpRequest, link: DownloadLink, now: datetime) -> HttpResponse:
    """What can be fetched with this link, until when, and how."""
    context = page_context(request, link, list(fetchable_releases(link.grant, now)), now)
    return private(render(request, "web/download.html", context))


@opened
def file(
    request: HttpRequest, link: DownloadLink, now: datetime, path: str, version: str | None = None
) -> HttpResponseBase:
    """One file of the newest release, or of the release named."""
    files = fetchable_files(link.grant, now).filter(release__in=releases_of(link, now, version)[:1])
    row = (
        files.filter(path=path)
        .select_related("release__dataset")
        .defer("release__dataset__card")
        .first()
    )
    if row is None:
        return _folder(request, files, path)
    content = Representation(
        length=row.size,
        etag=f'"{row.sha256}"',
        name=row.path.rpartition("/")[2],
        media_type=_media_type(row.path),
        read=partial(_read_file, row),
    )
    facts = {"release": row.release.version, "path": row.path, "sha256": row.sha256}
    record = recorder(kinds.FILE_DOWNLOADED, link, **facts)
    return hand_over(request, stored_key(row), content, record) or serve(request, content, record)


def releases_of(link: DownloadLink, now: datetime, version: str | None) -> QuerySet[Release]:
    found = fetchable_releases(link.grant, now)
    return found if version is None else found.filter(version=version)


def release_of(link: DownloadLink, now: datetime, version: str | None) -> Release:
    release = releases_of(link, now, version).first()
    if release is None:
        raise NotFound(NO_RELEASE)
    return release


def _folder(request: HttpRequest, files: QuerySet[File], path: str) -> HttpResponseBase:
    """Where a path names a folder, its listing is one slash further, as file servers have it."""
    if not files.filter(path__startswith=f"{path}/").exists():
        raise NotFound(NO_FILE)
    return private(HttpResponseRedirect(f"{quoted(path.rpartition('/')[2])}/"))


def _read_file(row: File, start: int, stop: int) -> Content:
    return streams.open_slice(storage(), whole_file(row, start, stop))


def recorder(kind: str, link: DownloadLink, **facts: str) -> Callable[[Selection, int], None]:
    """What writes the entry of a download: filed under the grant's request, by its holder."""

    def record(selection: Selection, status: int) -> None:
        with transaction.atomic():
            log.record(
                kind,
                by=link.grant.applicant,
                on=link.grant,
                link=str(link.pk),
                range=selection.content_range or "",
                status=status,
                bytes=selection.count,
                **facts,
            )

    return record


def _media_type(path: str) -> str:
    return mimetypes.guess_type(path)[0] or "application/octet-stream"
