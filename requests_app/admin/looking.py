"""Every look by staff is an entry: which page, of what, and what was searched for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

from django.db import transaction
from django.http import HttpRequest
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
# A form that comes back with what is wrong shows what it showed before.
_PAGES: Final = frozenset({200, 400, 409})
# The parts whose page is about the access request that its address names.
_OF_A_REQUEST: Final = "requests_app_accessrequest_"


@dataclass(frozen=True, slots=True)
class _Page:
    """A page as the subject of an entry; one about a request is part of the request's story."""

    audit_ref: str
    audit_trail: str


def entered(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Wraps a view of the admin: what it shows to a member of staff is entered before it is sent.

    When the entry cannot be written, nothing is shown. What was typed into a search is a personal
    value: it may be somebody's address.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        match = request.resolver_match
        name = (match and match.url_name) or ""
        shown = request.method in {"GET", "POST"} and response.status_code in _PAGES
        if shown and name not in NOT_ENTERED and isinstance(request.user, User):
            _enter(request, name, str(kwargs.get("object_id", "")))
        return response

    return wrapper


@transaction.atomic
def _enter(request: HttpRequest, name: str, object_id: str) -> None:
    page = name.removeprefix("requests_app_")
    ref = f"page:{page}/{object_id}" if object_id else f"page:{page}"
    about = f"access_request:{object_id}" if name.startswith(_OF_A_REQUEST) and object_id else ref
    query = request.META.get("QUERY_STRING", "")[:500]
    if isinstance(request.user, User):
        log.record(
            kinds.STAFF_LOOKED, by=request.user, on=_Page(ref, about), page=page, query=query
        )
