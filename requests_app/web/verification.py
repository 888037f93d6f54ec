"""Verifying a sealed agreement: for anybody, without an account; nothing that is sent is kept."""

from http import HTTPStatus
from typing import Any, Final

from allauth.core import ratelimit
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from requests_app import conf
from requests_app.agreements import certificates
from requests_app.agreements.evidence import format_instant
from requests_app.agreements.models import SealCertificate
from requests_app.distribution.standing import Standing, standing
from requests_app.identity.models import User

RATE_LIMIT: Final = "verify_agreement"
METHODS: Final = ("GET", "HEAD", "POST")
_FORM_BYTES: Final = 100_000  # what a form adds to the file it carries
_TONES: Final = {
    "genuine": "success",
    "not proven": "danger",
    "altered": "danger",
    "not ours": "warning",
}
_HEADINGS: Final = {finding: finding.capitalize() for finding in _TONES}


class _Unread(Exception):
    """There is no file to look at: a sentence, and the status that says so to a program."""

    def __init__(self, sentence: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(sentence)
        self.sentence, self.status = sentence, status


@never_cache
@csrf_exempt  # it changes nothing, and programs send files too
def verify(request: HttpRequest, number: str = "") -> HttpResponse:
    """Asks for a PDF (GET) and says what it is (POST, field `pdf`); JSON for who prefers it.

    `number` is where the QR code of an agreement leads: who may know learns where it stands.
    """
    if request.method not in METHODS:
        return HttpResponseNotAllowed(METHODS)
    if request.method != "POST":
        return _page(request, number)
    try:
        content = _upload(request)
    except _Unread as error:
        return _refuse(request, number, error)
    # Only whoever verifies needs the libraries; every other page starts without them.
    from requests_app.agreements import records, verification  # noqa: PLC0415

    verdict = records.verify_here(content)
    genuine = verdict.finding is verification.Finding.GENUINE
    stands = _standing(request, verdict.facts.number) if genuine and verdict.facts else None
    if not _prefers_html(request):
        return JsonResponse({**verdict.as_json(), "standing": stands and stands.word})
    context: dict[str, Any] = {
        "verdict": verdict,
        "heading": _heading(verdict.finding.value, stands),
        "tone": "warning" if stands and not stands.in_force else _TONES[verdict.finding.value],
        "standing": stands,
        "another": bool(number and verdict.facts and verdict.facts.number != number),
    }
    return _page(request, number, **context)


@require_safe
def certificates_file(request: HttpRequest) -> HttpResponse:
    """Sends every certificate that the portal has sealed with, their roots first (PEM)."""
    return HttpResponse(certificates.published(), content_type="text/plain; charset=utf-8")


@require_safe
def certificates_json(request: HttpRequest) -> JsonResponse:
    """Sends the history of the seal's certificates as data, the newest first."""
    return JsonResponse({"certificates": [_told(each) for each in certificates.history()]})


def _told(row: SealCertificate) -> dict[str, Any]:
    return {
        "serial": row.serial,
        "sha256": row.sha256,
        "subject": row.subject,
        "valid_from": format_instant(row.valid_from),
        "valid_until": format_instant(row.valid_until),
        "in_use_from": format_instant(row.recorded_at),
        "invalid_from": format_instant(row.invalid_from) if row.invalid_from else None,
        "declarations": [
            {
                "invalid_from": format_instant(each.invalid_from),
                "declared_at": format_instant(each.declared_at),
                "reason": each.reason,
            }
            for each in row.revocations.all()
        ],
        "pem": row.content,
        "chain": row.chain,
    }


def _page(request: HttpRequest, number: str, *, status: int = 200, **more: Any) -> HttpResponse:
    history = list(certificates.history())
    context = {
        "number": number,
        "known": _standing(request, number) if number and "verdict" not in more else None,
        "most": conf.verify_max_bytes(),
        "certificates": history,
        "roots": certificates.roots(history),
        **more,
    }
    return render(request, "web/verify.html", context, status=status)


def _refuse(request: HttpRequest, number: str, error: _Unread) -> HttpResponse:
    if _prefers_html(request):
        return _page(request, number, status=error.status, problem=error.sentence)
    return JsonResponse({"error": error.sentence}, status=error.status)


def _prefers_html(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "text/html"


def _upload(request: HttpRequest) -> bytes:
    """The file sent. What is announced as too large is refused before it is read."""
    too_large = _Unread(
        f"This file is larger than the {conf.verify_max_bytes() / 2**20:g} MB accepted here; our "
        "agreements are much smaller.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdigit() and int(announced) > conf.verify_max_bytes() + _FORM_BYTES:
        raise too_large
    if not ratelimit.consume(request, action=RATE_LIMIT):
        raise _Unread(
            "Many files came from your address. Wait a minute, then try again.",
            HTTPStatus.TOO_MANY_REQUESTS,
        )
    sent = request.FILES.get("pdf")
    if not isinstance(sent, UploadedFile) or not sent.size:
        raise _Unread("Choose the PDF that you want to verify, then send it.")
    if sent.size > conf.verify_max_bytes():
        raise too_large
    return bytes(sent.read())


def _standing(request: HttpRequest, number: str) -> Standing | None:
    return standing(number, to=request.user if isinstance(request.user, User) else None)


def _heading(finding: str, stands: Standing | None) -> str:
    if stands and not stands.in_force:
        return f"Genuine, but {stands.word}"
    return _HEADINGS[finding]
