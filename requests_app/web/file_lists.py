"""Lists of a release's files for programs: for aria2, as JSON, and as folders to walk."""

import json
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

from django.http import HttpRequest
from django.urls import reverse

from requests_app.datasets.manifest import MANIFEST
from requests_app.datasets.models import Release
from requests_app.distribution.choices import Choice, Content
from requests_app.distribution.packages import package_of

_PLAIN: Final = "!$&'()*+,;=/~:@"
"""What stands in a path as it is (RFC 3986 section 3.3), the same as for `reverse`."""


def urls_file(request: HttpRequest, release: Release, choice: Choice) -> bytes:
    """The aria2 input file of the chosen files: for each its URL, where it goes, its digest."""
    package = package_of(release, choice)
    # Thousands of addresses with one beginning: reversing each would take a second.
    beginning = below(request, release, "file", "x").removesuffix("x")
    manifest = below(request, release, "manifest", choice=choice)
    listed = [(each.path, beginning + quoted(each.path), each.sha256) for each in package.contents]
    items = [(MANIFEST, manifest, package.manifest_sha256), *listed]
    return "".join(_aria2(package.name, items)).encode()


def _aria2(folder: str, items: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    for path, url, digest in items:
        yield f"{url}\n  out={folder}/{path}\n  checksum=sha-256={digest}\n"


def index_file(release: Release, choice: Choice) -> bytes:
    """The chosen files as a JSON object.

    `name` is the folder to put them in, `manifest_sha256` the release's root digest; each of
    `files` has `path`, `size` in bytes, `sha256`, and `class` and `split` or null.
    """
    package = package_of(release, choice)
    found = {
        "name": package.name,
        "release": release.version,
        "manifest_sha256": release.manifest_sha256,
        "files": [_facts(each) for each in package.contents],
    }
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


def _facts(each: Content) -> dict[str, object]:
    return {
        "path": each.path,
        "size": each.size,
        "sha256": each.sha256,
        "class": each.label or None,
        "split": each.split,
    }


def folder_of(contents: Iterable[Content], folder: str) -> list[tuple[str, int | None]]:
    """What lies directly in `folder` ("" or ending with a slash): (name, size).

    A folder's name ends with a slash and has no size. Empty when there is no such folder.
    """
    found: dict[str, int | None] = {}
    for each in contents:
        if each.path.startswith(folder):
            name, slash, _ = each.path[len(folder) :].partition("/")
            found[name + slash] = None if slash else each.size
    return sorted(found.items())


def below(
    request: HttpRequest, release: Release, what: str, *names: str, choice: Choice | None = None
) -> str:
    """The absolute URL of something of one release, below the link of this request."""
    token = request.resolver_match.kwargs["token"] if request.resolver_match else ""
    version = () if what in {"zip", "tar"} else (release.version,)
    path = reverse(f"release_{what}", args=[token, *version, *names])
    query = f"?{choice.query}" if choice else ""
    return request.build_absolute_uri(path) + query


def quoted(path: str) -> str:
    """A file's path as it stands in an address."""
    return quote(path, safe=_PLAIN)
