"""What every request passes through: where it comes from, what its page may load, its errors."""

from collections.abc import Callable

from allauth.core.internal.httpkit import get_client_ip
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from requests_app import conf, errors
from requests_app.audit.origin import Origin, acting_from

Handler = Callable[[HttpRequest], HttpResponse]

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
FORM = "application/x-www-form-urlencoded"
LARGEST_BODY = 4
"""Times the largest allowed upload: one that is a little too large is told so in its form."""

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


def readable(get_response: Handler) -> Handler:
    """Refuses a body, query or cookie that no page of ours sends, before anything reads it.

    A file of any size would be written to the disk first, whoever sends it. And Django, asked for a
    form that is not UTF-8, fails again while it makes the page that says so.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        most = LARGEST_BODY * conf.ethics_document_max_bytes()
        if _length(request) > most:
            context = {
                "heading": "This is too large",
                "sentence": f"At most {most / 2**20:g} MB can be sent at once. Send less.",
            }
            return render(request, "web/sentence.html", context, status=413)
        charset = (request.content_params or {}).get("charset", "utf-8")
        foreign = request.content_type == FORM and charset.lower() not in {"utf-8", "utf8"}
        if foreign or _has_nul(request):
            return render(request, "400.html", status=400)
        return get_response(request)

    return middleware


def _has_nul(request: HttpRequest) -> bool:
    """No text of ours holds one, and PostgreSQL cannot even look for it: not for a session either.

    In a cookie it is spelt as an octal escape within quotation marks, which Django reads.
    """
    query = request.META.get("QUERY_STRING", "")
    return "%00" in query or any("\0" in value for value in request.COOKIES.values())


def _length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def private_pages(get_response: Handler) -> Handler:
    """Nobody keeps a copy of a page made for somebody signed in, unless its view says otherwise."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        # A view that never looked at the session made the same page for everybody.
        if request.session.accessed and request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "private, no-store")
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
