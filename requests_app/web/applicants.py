"""Who may enter the applicant's side: signed in, address verified, and only one's own requests."""

from collections.abc import Callable
from functools import wraps
from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.cache import never_cache

from requests_app.errors import Refused
from requests_app.identity.applicants import verified_email
from requests_app.identity.models import User
from requests_app.requests.visibility import own_or_404


class ApplicantRequest(HttpRequest):
    """An HTTP request of somebody who is signed in."""

    user: User


Page = Callable[[ApplicantRequest], HttpResponse]
RequestPage = Callable[..., HttpResponse]


def applicant_page(*methods: str) -> Callable[[Page], Callable[..., HttpResponse]]:
    """Makes a view a page of the applicant's side: nothing of it is stored by browser or proxy.

    Anonymous visitors are sent to sign in; whoever has not verified their address is refused.
    """

    def decorate(view: Page) -> Callable[..., HttpResponse]:
        @never_cache
        @login_required
        @wraps(view)
        def enter(request: HttpRequest) -> HttpResponse:
            guest = cast("ApplicantRequest", request)
            _require_verified(guest.user)
            return view(guest) if request.method in methods else HttpResponseNotAllowed(methods)

        return enter

    return decorate


def own_request_page(*methods: str) -> Callable[[RequestPage], Callable[..., HttpResponse]]:
    """Makes a view a page of one request, `pk`, which exists for its applicant and nobody else.

    The view takes the HTTP request, the access request, and what else its address names. Whose it
    is is asked before the method: a stranger learns nothing from a 405.
    """

    def decorate(view: RequestPage) -> Callable[..., HttpResponse]:
        @never_cache
        @login_required
        @wraps(view)
        def enter(request: HttpRequest, pk: UUID, **named: UUID | int) -> HttpResponse:
            guest = cast("ApplicantRequest", request)
            _require_verified(guest.user)
            access_request = own_or_404(guest.user, pk)
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            return view(guest, access_request, **named)

        return enter

    return decorate


def _require_verified(user: User) -> None:
    if verified_email(user) is None:
        raise Refused(
            f"The address {user.email} is not verified yet. Open “Account”, have a code sent to it "
            "and enter the code; then come back."
        )
