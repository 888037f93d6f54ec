"""Every look by staff is an entry: which page, of what, and what was searched for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

from django.db import transaction
from django.http import HttpRequest, HttpResponseBadRequest
from django.http.response import HttpResponseBase

from requests_app.audit import kinds, log
from requests_app.identity.models import User

# Pages that show nobody's data, and views that write an entry of their own.
NOT_ENTERED: Final = frozenset(
    {
        "index",
        "jsi18n",
        "login",
        "requests_app_accessrequest_agreement",
        "requests_app_accessrequest_ethics",
        "requests_app_entry_export",
    }
)
# What shows nothing: the way to elsewhere, and what was refused.
_NOTHING: Final = frozenset({*range(300, 400), 403, 404, 405})
LONGEST_QUERY: Final = 2_000
"""Characters of an address after its question mark: all of them are entered."""
# The parts whose page is about the access request that its address names.
_OF_A_REQUEST: Final = "requests_app_accessrequest_"


@dataclass(frozen=True, slots=True)
class _Page:
    """A page as the subject of an entry; one about a request is part of the request's story."""

    audit_ref: str
    audit_trail: str


def entered(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Wraps a view of the admin: what it shows to a member of staff is entered before it is sent.

    That is whatever has content, also a form that comes back with a POST's faults. When the entry
    cannot be written, nothing is shown. What was typed into a search is a personal value: it may be
    somebody's address. It is entered whole: a longer one than `LONGEST_QUERY` is refused.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if len(request.META.get("QUERY_STRING", "")) > LONGEST_QUERY:
            return HttpResponseBadRequest(
                "Search for something shorter.", content_type="text/plain"
            )
        response = view(request, *args, **kwargs)
        match = request.resolver_match
        name = (match and match.url_name) or ""
        shown = request.method != "HEAD" and response.status_code not in _NOTHING
        if shown and name not in NOT_ENTERED and isinstance(request.user, User):
            _enter(request, name, str(kwargs.get("object_id", "")))
        return response

    return wrapper


@transaction.atomic
def _enter(request: HttpRequest, name: str, object_id: str) -> None:
    page = name.removeprefix("requests_app_")
    ref = f"page:{page}/{object_id}" if object_id else f"page:{page}"
    about = f"access_request:{object_id}" if name.startswith(_OF_A_REQUEST) and object_id else ref
    query = request.META.get("QUERY_STRING", "")
    if isinstance(request.user, User):
        log.record(
            kinds.STAFF_LOOKED, by=request.user, on=_Page(ref, about), page=page, query=query
        )
