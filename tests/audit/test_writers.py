import pytest
from django.db import connection

from tests.audit.writers import ENTRIES, Deed, overtaken

pytestmark = pytest.mark.processes


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_eight_writers_at_once_leave_a_log_without_a_gap_in_the_order_of_commits(told_by):
    """Real processes beside a sealer; `LOG_WRITERS_ENTRIES` sets how many entries they write."""
    told = told_by("tests.audit.writers")
    assert told["deeds"] == told["entries"] == told["placed"] == told["verified"] == ENTRIES
    assert told["gapless"]
    assert not told["waiting"]
    assert not told["overtaken"]
    assert told["checkpoints"] > 1  # it was sealed meanwhile


def test_an_entry_before_one_that_was_committed_earlier_is_counted():
    first, second, beside = Deed(0, 1, 10), Deed(2, 3, 11), Deed(0.5, 2.5, 12)
    written = [first, second, beside]
    assert overtaken(written, {0: 10, 1: 11, 2: 12}) == 0
    assert overtaken(written, {0: 12, 1: 10, 2: 11}) == 0
    assert overtaken(written, {0: 11, 1: 10, 2: 12}) == 1
