"""`GET /client.py`: the program for command lines, with this portal's address filled in."""

from functools import lru_cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from requests_app import conf

_SOURCE = Path(__file__).with_name("client.py")


@require_safe
def client_file(request: HttpRequest) -> HttpResponse:
    """Sends the client's source. It holds no secret; what it fetches needs a token."""
    return HttpResponse(
        _filled_in(conf.base_url()),
        content_type="text/x-python; charset=utf-8",
        headers={
            "Content-Disposition": 'attachment; filename="client.py"',
            "X-Content-Type-Options": "nosniff",
        },
    )


@lru_cache(maxsize=1)
def _filled_in(base_url: str) -> str:
    return _SOURCE.read_text(encoding="utf-8").replace('PORTAL = ""', f"PORTAL = {base_url!r}", 1)
