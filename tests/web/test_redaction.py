"""Tokens are in no line of a log and in no report of an error."""

import io
import logging
import uuid

import pytest
from django.conf import settings
from django.utils.log import AdminEmailHandler
from django.utils.module_loading import import_string

from requests_app.distribution.tokens import Sort, new_secret, write_token
from requests_app.web.redaction import RedactTokens


@pytest.fixture(params=Sort)
def token(request):
    return write_token(uuid.uuid4(), new_secret(), request.param)


def test_no_traceback_and_no_line_of_any_logger_holds_a_token(token):
    """Celery's arguments, a library's warning, an exception that quotes an address."""
    handler = logging.StreamHandler(written := io.StringIO())
    settings_of_line = dict(settings.LOGGING["formatters"]["line"])
    handler.setFormatter(import_string(settings_of_line.pop("()"))(**settings_of_line))
    for name in ("celery.worker.strategy", "urllib3", "anything"):
        logger = logging.getLogger(f"test.{name}")
        logger.propagate = False
        logger.addHandler(handler)
        try:
            raise ValueError(f"GET /d/{token}/files/x")  # noqa: TRY301 - its traceback is looked at
        except ValueError:
            logger.exception("task got %s", {"kwargs": f"{{'token': '{token}'}}"})
        finally:
            logger.removeHandler(handler)
    assert written.getvalue().count("ValueError: GET /d/…/files/x") == 3
    assert token not in written.getvalue()


def test_no_error_report_holds_a_token(token, rf, settings, mailoutbox):
    """Nobody is mailed by default; where an operator names somebody, the mail tells no token."""
    assert settings.ADMINS == []
    settings.ADMINS = [("Operator", "operator@pier.example")]
    request = rf.get(f"/d/{token}/files/x", headers={"Authorization": f"Bearer {token}"})
    error = ValueError(f"/d/{token}/")
    record = logging.LogRecord("django.request", 40, "", 0, "Failed: %s", (request.path,), None)
    record.request, record.exc_info = request, (ValueError, error, None)
    assert RedactTokens().filter(record)
    for include_html in (False, True):
        AdminEmailHandler(include_html=include_html).emit(record)
    assert len(mailoutbox) == 2
    for mail in mailoutbox:
        whole = mail.message().as_string() + str(mail.alternatives) + mail.body
        assert "Failed: /d/" in mail.subject
        assert token not in whole
        assert token.rpartition(".")[2] not in whole


def test_no_program_of_ours_writes_a_log_of_addresses():
    """Where an operator asks gunicorn for one, `RedactTokens` is on its logger."""
    for name in (
        "cmed_portal/embedded/supervisord.conf",
        "docker/Dockerfile",
        "docker/compose.yaml",
    ):
        text = (settings.BASE_DIR / name).read_text()
        assert "access-log" not in text
        assert "accesslog" not in text
    filters = logging.getLogger("gunicorn.access").filters
    assert any(isinstance(each, RedactTokens) for each in filters)
