"""The pages and bytes below an e-mailed download link.

Every view goes through `opened`, which asks the one access function; files are found by their row,
never by joining a path. A GET that gets bytes is entered into the audit log before the first byte.
"""

import logging
import mimetypes
from collections.abc import Callable
from datetime import datetime
from functools import partial, wraps
from hashlib import sha256
from http import HTTPStatus

from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from requests_app.audit import kinds, log
from requests_app.datasets.manifest import MANIFEST
from requests_app.datasets.models import File, Release
from requests_app.distribution import streams
from requests_app.distribution.access import fetchable_files, fetchable_releases, resolve
from requests_app.distribution.models import DownloadLink
from requests_app.distribution.packages import package_of, storage, whole_file
from requests_app.distribution.ranges import Selection
from requests_app.distribution.storage.base import StorageError
from requests_app.errors import NotFound
from requests_app.web.download_page import page_context, urls_file
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
    row = (
        fetchable_files(link.grant, now)
        .filter(release__in=_releases(link, now, version)[:1], path=path)
        .select_related("release__dataset")
        .defer("release__dataset__card")
        .first()
    )
    if row is None:
        raise NotFound(NO_FILE)
    content = Representation(
        length=row.size,
        etag=f'"{row.sha256}"',
        name=row.path.rpartition("/")[2],
        media_type=_media_type(row.path),
        read=partial(_read_file, row),
    )
    facts = {"release": row.release.version, "path": row.path, "sha256": row.sha256}
    return serve(request, content, _recorder(kinds.FILE_DOWNLOADED, link, **facts))


@opened
def archive(request: HttpRequest, link: DownloadLink, now: datetime, name: str) -> HttpResponseBase:
    """The whole release as one stored ZIP, named like its top folder."""
    prefix = f"{link.grant.dataset.slug}-"
    if not name.startswith(prefix):
        raise NotFound(NO_RELEASE)
    release = _release(link, now, name.removeprefix(prefix))
    layout = package_of(release).archive
    content = Representation(
        length=layout.length,
        etag=layout.etag,
        name=f"{name}.zip",
        media_type="application/zip",
        read=lambda start, stop: streams.stream(storage(), layout.segments(start, stop)),
    )
    facts = {"release": release.version, "name": content.name, "etag": layout.etag.strip('"')}
    return serve(request, content, _recorder(kinds.ARCHIVE_DOWNLOADED, link, **facts))


@opened
def manifest(
    request: HttpRequest, link: DownloadLink, now: datetime, version: str | None = None
) -> HttpResponseBase:
    """The digests of a release's files, as `sha256sum -c` reads them."""
    release = _release(link, now, version)
    text = package_of(release).manifest
    return _serve_text(request, link, release, MANIFEST, text)


@opened
def urls(
    request: HttpRequest, link: DownloadLink, now: datetime, version: str | None = None
) -> HttpResponseBase:
    """An input file for aria2: every file of a release with its digest."""
    release = _release(link, now, version)
    text = urls_file(request, release, fetchable_files(link.grant, now))
    return _serve_text(request, link, release, "urls.txt", text)


def _releases(link: DownloadLink, now: datetime, version: str | None) -> QuerySet[Release]:
    found = fetchable_releases(link.grant, now)
    return found if version is None else found.filter(version=version)


def _release(link: DownloadLink, now: datetime, version: str | None) -> Release:
    release = _releases(link, now, version).first()
    if release is None:
        raise NotFound(NO_RELEASE)
    return release


def _read_file(row: File, start: int, stop: int) -> Content:
    return streams.open_slice(storage(), whole_file(row, start, stop))


def _serve_text(
    request: HttpRequest, link: DownloadLink, release: Release, name: str, text: bytes
) -> HttpResponseBase:
    content = Representation(
        length=len(text),
        etag=f'"{sha256(text).hexdigest()}"',
        name=name,
        media_type="text/plain; charset=utf-8",
        read=lambda start, stop: text[start:stop],
    )
    facts = {"release": release.version, "name": name}
    return serve(request, content, _recorder(kinds.MANIFEST_DOWNLOADED, link, **facts))


def _recorder(kind: str, link: DownloadLink, **facts: str) -> Callable[[Selection, int], None]:
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
