"""A release as a whole, or a choice of it: its archives, its manifest, its list for aria2.

All of them know the same choice, `?class=...&split=...` (see `choices`).
"""

from datetime import datetime
from functools import wraps
from hashlib import sha256
from http import HTTPStatus

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from requests_app.agreements import detached
from requests_app.audit import kinds
from requests_app.datasets.manifest import MANIFEST
from requests_app.datasets.models import Release
from requests_app.distribution import streams
from requests_app.distribution.choices import Choice, read_choice
from requests_app.distribution.models import DownloadLink, ManifestSignature
from requests_app.distribution.packages import package_of, storage
from requests_app.errors import Invalid, NotFound
from requests_app.web.downloads import NO_RELEASE, View, opened, recorder, release_of
from requests_app.web.file_lists import index_file, urls_file
from requests_app.web.refusals import say
from requests_app.web.serving import Representation, serve

NOT_SIGNED = "The manifest has not been signed yet. Please try again in a few minutes."


def choosing(view: View) -> View:
    """Call `view(..., choice=...)` with the choice in the address; 400 for one that is none."""

    @wraps(view)
    def wrapper(request: HttpRequest, *known: object, **what: str) -> HttpResponseBase:
        try:
            return view(request, *known, choice=choice_in(request), **what)
        except Invalid as error:
            return say(request, error.message, HTTPStatus.BAD_REQUEST)

    return wrapper


def choice_in(request: HttpRequest) -> Choice:
    """The choice in the query string. Raises Invalid for anything else that stands there."""
    return read_choice((name, value) for name, values in request.GET.lists() for value in values)


@opened
@choosing
def archive(
    request: HttpRequest, link: DownloadLink, now: datetime, *, name: str, form: str, choice: Choice
) -> HttpResponseBase:
    """The chosen files as one archive; its top folder is named like the release."""
    prefix = f"{link.grant.dataset.slug}-"
    if not name.startswith(prefix):
        raise NotFound(NO_RELEASE)
    release = release_of(link, now, name.removeprefix(prefix))
    package = package_of(release, choice, form)
    layout = package.archive
    content = Representation(
        length=layout.length,
        etag=layout.etag,
        name=f"{package.stem}.{form}",
        media_type=layout.media_type,
        read=lambda start, stop: streams.stream(storage(), layout.segments(start, stop)),
    )
    facts = {"release": release.version, "name": content.name, "etag": layout.etag.strip('"')}
    return serve(request, content, recorder(kinds.ARCHIVE_DOWNLOADED, link, **facts))


@opened
@choosing
def manifest(
    request: HttpRequest,
    link: DownloadLink,
    now: datetime,
    choice: Choice,
    version: str | None = None,
) -> HttpResponseBase:
    """The digests of the chosen files, as `sha256sum -c` reads them."""
    release = release_of(link, now, version)
    return _serve_text(request, link, release, MANIFEST, package_of(release, choice).manifest)


@opened
def signature(
    request: HttpRequest, link: DownloadLink, now: datetime, version: str | None = None
) -> HttpResponseBase:
    """The portal's signature over the manifest of the whole release."""
    release = release_of(link, now, version)
    found = ManifestSignature.objects.filter(release=release).first()
    if found is None:
        raise NotFound(NOT_SIGNED)
    name, text = f"{MANIFEST}.p7s", bytes(found.content)
    return _serve_text(request, link, release, name, text, media_type=detached.MEDIA_TYPE)


@opened
@choosing
def urls(
    request: HttpRequest,
    link: DownloadLink,
    now: datetime,
    choice: Choice,
    version: str | None = None,
) -> HttpResponseBase:
    """An input file for aria2: every chosen file with its digest."""
    release = release_of(link, now, version)
    return _serve_text(request, link, release, "urls.txt", urls_file(request, release, choice))


@opened
@choosing
def index(
    request: HttpRequest,
    link: DownloadLink,
    now: datetime,
    choice: Choice,
    version: str | None = None,
) -> HttpResponseBase:
    """The chosen files as JSON: path, size, SHA-256, class and split of each."""
    release = release_of(link, now, version)
    text = index_file(release, choice)
    return _serve_text(request, link, release, "index.json", text, media_type="application/json")


def _serve_text(
    request: HttpRequest,
    link: DownloadLink,
    release: Release,
    name: str,
    text: bytes,
    *,
    media_type: str = "text/plain; charset=utf-8",
) -> HttpResponseBase:
    content = Representation(
        length=len(text),
        etag=f'"{sha256(text).hexdigest()}"',
        name=name,
        media_type=media_type,
        read=lambda start, stop: text[start:stop],
    )
    facts = {"release": release.version, "name": name}
    return serve(request, content, recorder(kinds.MANIFEST_DOWNLOADED, link, **facts))
