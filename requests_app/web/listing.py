"""A release as folders with links, the way a plain file server lists them.

Programs that can walk such pages (fsspec, `rclone` with its `http` remote) see the release as a
read-only folder. Names are what the page of the link shows as well, so a listing is no entry.
"""

from datetime import datetime
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from requests_app.distribution.models import DownloadLink
from requests_app.distribution.packages import package_of
from requests_app.errors import NotFound
from requests_app.web.downloads import opened, release_of
from requests_app.web.file_lists import folder_of
from requests_app.web.serving import private

_PLAIN = "!$&'()*+,;=/~@"  # no colon: a relative reference must not begin like a scheme
NO_FOLDER = "This release has no such folder. Its files are listed in manifest.sha256."


@opened
def folder(
    request: HttpRequest,
    link: DownloadLink,
    now: datetime,
    folder: str = "",
    version: str | None = None,
) -> HttpResponse:
    """The folders and files directly in one folder of a release, each a relative link."""
    package = package_of(release_of(link, now, version))
    found = folder_of(package.contents, f"{folder}/" if folder else "")
    if not found:
        raise NotFound(NO_FOLDER)
    rows = [(name, quote(name, safe=_PLAIN), size) for name, size in found]
    context = {"name": package.name, "folder": folder, "rows": rows}
    return private(render(request, "web/listing.html", context))
