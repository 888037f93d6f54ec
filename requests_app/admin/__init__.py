"""The maintainers' face. Importing it registers every page on `site`; the URL root mounts that."""

from requests_app.admin import (
    access_requests,
    agreements,
    datasets,
    download_policies,
    failures,
    grants,
    institutions,
    log,
    outgoing,
    people,
)

__all__ = [
    "access_requests",
    "agreements",
    "datasets",
    "download_policies",
    "failures",
    "grants",
    "institutions",
    "log",
    "outgoing",
    "people",
]
