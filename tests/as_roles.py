"""Pytest plugin: `python -m pytest -p tests.on_postgres -p tests.as_roles tests/web tests/admin`.

Whatever answers a request has the rights of `portal_web` meanwhile, and whatever a task does those
of `portal_worker`: the tests of the pages find a right that production would lack.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from threading import local
from typing import Any

import psycopg
import pytest
from celery.app.task import Task
from django.core.handlers.base import BaseHandler
from django.db import connection

from tests.factories.roles import give_rights

_here = local()


@pytest.fixture(scope="session", autouse=True)
def roles(django_db_setup: None) -> None:
    give_rights()


def acting_as(role: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wraps what is to have the rights of a role and no others."""

    def wrap(deed: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(deed)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with _acting(role):
                return deed(*args, **kwargs)

        return wrapped

    return wrap


@contextmanager
def _acting(role: str) -> Iterator[None]:
    before = getattr(_here, "role", "NONE")
    with suppress(RuntimeError):  # of a test that has no database
        connection.ensure_connection()
    _set(role)
    try:
        yield
    finally:
        # A transaction that was broken off has taken it back already, with the rest.
        with suppress(psycopg.Error):
            _set(before)


def _set(role: str) -> None:
    """Past Django, which would count the query."""
    _here.role = role
    if connection.connection is not None and not connection.connection.closed:
        connection.connection.execute(f"SET ROLE {role}")


def pytest_configure() -> None:
    BaseHandler.get_response = acting_as("portal_web")(BaseHandler.get_response)  # type: ignore[method-assign]
    Task.apply = acting_as("portal_worker")(Task.apply)
