import pytest

from tests.audit.sealer_killing import KILLS

pytestmark = pytest.mark.processes


def test_a_sealer_killed_fifty_times_leaves_neither_gap_nor_double(told_by):
    """Real processes and SIGKILL; PostgreSQL must give the killed sealer's lock back."""
    told = told_by("tests.audit.sealer_killing")
    assert told["killed"] == KILLS
    assert 0 < told["halfway"] < told["entries"]
    assert told["gapless"]
    assert told["placed"] == told["size"] == told["entries"]
