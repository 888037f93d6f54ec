"""The public side of the audit log: checkpoints, hashes and proofs, never content."""

import base64
from pathlib import Path
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from requests_app import conf
from requests_app.agreements.failures import failing
from requests_app.audit import checkpoints, outsider, reading, sequencing, tree, witnesses
from requests_app.errors import Invalid, NotFound
from requests_app.requests.models import AccessRequest
from requests_app.web.applicants import ApplicantRequest, own_request_page
from requests_app.web.receipts import contents, no_receipt_yet, receipt_file
from requests_app.web.timeline import SUMMED, TOLD

FOREVER: Final = "public, max-age=31536000, immutable"
_SCRIPT: Final = Path(outsider.__file__)


@never_cache
@require_safe
def checkpoint(request: HttpRequest) -> HttpResponse:
    """The latest checkpoint (C2SP tlog-checkpoint) with its cosignatures; 404 before the first."""
    last = checkpoints.latest()
    if last is None:
        return _text("No checkpoint has been signed yet.\n", status=404)
    return _text(witnesses.published(last))


@never_cache
@require_safe
def witnessed(request: HttpRequest) -> HttpResponse:
    """The latest checkpoint that a witness has cosigned; 404 before the first."""
    last = witnesses.latest_witnessed()
    if last is None:
        return _text("No checkpoint has been cosigned by a witness yet.\n", status=404)
    return _text(witnesses.published(last))


@never_cache
@require_safe
def key(request: HttpRequest) -> HttpResponse:
    """The public key that checkpoints are verified by (C2SP signed-note, vkey)."""
    last = checkpoints.latest()
    if last is None:
        return _text("No checkpoint has been signed yet.\n", status=404)
    return _text(f"{last.vkey}\n")


@require_safe
def script(request: HttpRequest) -> HttpResponse:
    """The script by which an outsider checks receipts and checkpoints."""
    response = HttpResponse(_SCRIPT.read_bytes(), content_type="text/x-python; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="verify_log.py"'
    return response


@require_safe
def entry(request: HttpRequest, index: int) -> HttpResponse:
    """What is public of an entry: its place, leaf hash, kind and time."""
    found = reading.at_place(index)
    if found is None:
        return _problem("The log has no entry at this place yet.", status=404)
    told = {
        "index": index,
        "leaf_hash": _encoded(bytes(found.hash)),
        "kind": found.entry.kind,
        "at": found.entry.at.isoformat(),
    }
    return _for_ever(told)


@require_safe
def inclusion(request: HttpRequest) -> HttpResponse:
    """`?index=&size=`: the proof that an entry is in the log of that size (RFC 9162, 2.1.3)."""
    try:
        asked = _numbers(request, "index", "size")
        proof = tree.inclusion(**asked)
    except Invalid as error:
        return _problem(error.message, status=400)
    return _for_ever({**asked, "proof": [_encoded(each) for each in proof]})


@require_safe
def consistency(request: HttpRequest) -> HttpResponse:
    """`?first=&second=`: the proof that the log only grew between (RFC 9162, 2.1.4)."""
    try:
        asked = _numbers(request, "first", "second")
        proof = tree.consistency(**asked)
    except Invalid as error:
        return _problem(error.message, status=400)
    return _for_ever({**asked, "proof": [_encoded(each) for each in proof]})


@own_request_page("GET", "HEAD")
def receipt(
    request: ApplicantRequest, access_request: AccessRequest, entry_id: int
) -> HttpResponse:
    """Sends the receipt of one event of one's own request; 202 while no checkpoint covers it."""
    ours = reading.story(access_request.audit_trail).filter(kind__in=[*TOLD, *SUMMED])
    if not ours.filter(pk=entry_id).exists():
        raise NotFound("There is no such event in this request.")
    found = checkpoints.receipt(entry_id)
    if found is None:
        return no_receipt_yet(request)
    return receipt_file(contents(found), f"receipt-{found.index}")


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures in Prometheus' text format, of the log most, for whoever has the operator's token.

    They tell how much happens in the portal, so without a token in the settings there are none.
    """
    if not conf.metrics_token():
        return _text("Not found.\n", status=404)
    given = request.headers.get("Authorization", "")
    if not constant_time_compare(given, f"Bearer {conf.metrics_token()}"):
        answer = _text("Show the token of the metrics.\n", status=401)
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    since, last = checkpoints.uncovered_since(), checkpoints.latest()
    figures = {
        "portal_log_entries": ("Entries that have a place in the log.", tree.size()),
        "portal_log_checkpoint_entries": (
            "Entries that the latest checkpoint covers.",
            last.size if last else 0,
        ),
        "portal_log_lag_seconds": (
            "Age of the oldest entry that no checkpoint covers.",
            sequencing.age(since),
        ),
        "portal_documents_failing": (
            "Documents of agreements that could not be made so far.",
            failing().count(),
        ),
    }
    lines = [
        f"# HELP {name} {text}\n# TYPE {name} gauge\n{name} {value}\n"
        for name, (text, value) in figures.items()
    ]
    return HttpResponse("".join(lines), content_type="text/plain; version=0.0.4; charset=utf-8")


def _numbers(request: HttpRequest, *names: str) -> dict[str, int]:
    told = {name: request.GET.get(name, "") for name in names}
    for name, text in told.items():
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise Invalid(f"{name} must be a whole number, such as {name}=1.")
    return {name: int(text) for name, text in told.items()}


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _text(content: str, *, status: int = 200) -> HttpResponse:
    return HttpResponse(content, content_type="text/plain; charset=utf-8", status=status)


def _problem(sentence: str, *, status: int) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=status)


def _for_ever(told: dict[str, Any]) -> JsonResponse:
    """What was proved once stays so."""
    return JsonResponse(told, headers={"Cache-Control": FOREVER})
