"""An application that sends a kilobyte and asks nobody: what gunicorn itself costs."""

from collections.abc import Callable, Iterable
from typing import Any

KILOBYTE = bytes(1000)
HEADERS = [("Content-Type", "video/mp4"), ("Content-Length", str(len(KILOBYTE)))]


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The WSGI application (PEP 3333)."""
    start_response("200 OK", HEADERS)
    return [KILOBYTE]
