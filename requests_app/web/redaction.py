"""Keeping the tokens of links and invitations out of the logs: who reads a log uses none."""

import logging
import re
from typing import Any, Final

# Below /d/ (a blank may have been pasted in before it) or /sign/, or the shape of a token anywhere.
_SECRET: Final = re.compile(
    r"(/d/\s*|/sign/)[^/\s?#'\"]+|[\w-]{22}\.[\w-]{43}\.[\w-]{43}", re.ASCII
)
LOGGERS: Final = ("django.request", "django.server", "gunicorn.error", "gunicorn.access")


def redact(text: str) -> str:
    """The text with every token of a secret address replaced by `…`."""
    return _SECRET.sub(lambda found: f"{found[1] or ''}…", text)


class RedactTokens(logging.Filter):
    """Rewrites a record's message and text arguments; keeps every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact in place."""
        if isinstance(record.msg, str):
            record.msg = redact(record.msg)
        if isinstance(record.args, dict):
            record.args = {name: _redacted(value) for name, value in record.args.items()}
        elif isinstance(record.args, tuple):
            record.args = tuple(_redacted(value) for value in record.args)
        return True


def install() -> None:
    """Put the filter on every logger that names the addresses of requests."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(RedactTokens())


def _redacted(value: Any) -> Any:
    return redact(value) if isinstance(value, str) else value
