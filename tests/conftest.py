"""What the whole suite needs: evidence tables that can be emptied between transactional tests."""

from django.contrib.auth.models import Group
from django.db import connection
from django.test import TransactionTestCase

import requests_app.tasks  # noqa: F401 - eager tasks must be known by name
from requests_app.audit import guard
from requests_app.audit.guarded import GUARDED
from requests_app.requests.permissions import GROUPS

_flush = TransactionTestCase._fixture_teardown


def _flush_with_guards_lifted(self: TransactionTestCase) -> None:
    """A flush deletes every row, which the guards rightly refuse; lift them for just that long."""
    for table, refused in GUARDED.items():
        guard.remove(connection, table, refused)
    try:
        _flush(self)
        for name in GROUPS:
            Group.objects.get_or_create(name=name)
    finally:
        for table, refused in GUARDED.items():
            guard.install(connection, table, refused)


TransactionTestCase._fixture_teardown = _flush_with_guards_lifted
