"""Keeping the tokens of links and invitations out of logs and error reports.

Who reads a log, or the mail about an error, must not be able to use what they read.
"""

import logging
import re
from typing import Any, Final

from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter

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


class RedactingFormatter(logging.Formatter):
    """Redacts the line as it is written, tracebacks included, whichever logger it comes from."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the finished text without tokens."""
        return redact(super().format(record))


class RedactingReporter(ExceptionReporter):
    """What Django shows and mails about an error, without tokens."""

    def get_traceback_html(self) -> SafeString:
        """Returns the page for developers."""
        return SafeString(redact(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        """Returns the body of an error mail."""
        return SafeString(redact(super().get_traceback_text()))


def install() -> None:
    """Put the filter on every logger that names the addresses of requests."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(RedactTokens())


def _redacted(value: Any) -> Any:
    return redact(value) if isinstance(value, str) else value
