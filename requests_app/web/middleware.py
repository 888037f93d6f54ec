"""What every request passes through: where it comes from, what its page may load, its errors."""

from collections.abc import Callable

from allauth.core.internal.httpkit import get_client_ip
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from requests_app import errors
from requests_app.audit.origin import Origin, acting_from

Handler = Callable[[HttpRequest], HttpResponse]

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
STATUS: dict[type[errors.PortalError], int] = {
    errors.Refused: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Invalid: 400,
}


def content_security_policy(get_response: Handler) -> Handler:
    """Pages load nothing from elsewhere and run no inline script (W3C CSP Level 3)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware


def origin(get_response: Handler) -> Handler:
    """Tells the audit log where the act comes from; behind proxies only as far as trusted."""

    def middleware(request: HttpRequest) -> HttpResponse:
        source = Origin(
            ip=get_client_ip(request) or "", user_agent=request.headers.get("User-Agent", "")
        )
        with acting_from(source):
            return get_response(request)

    return middleware


def domain_errors(get_response: Handler) -> Handler:
    """Shows a domain error that no view caught as a page with its sentence."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, errors.PortalError) or type(exception) not in STATUS:
            return None
        status = STATUS[type(exception)]
        return render(request, "web/sentence.html", {"sentence": exception.message}, status=status)

    middleware.process_exception = process_exception  # type: ignore[attr-defined]  # Django looks for it there
    return middleware
