"""The canonical form is RFC 8785's, by whichever way it is computed."""

from datetime import UTC, datetime

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_app.audit.canonical import canonical, form, instant

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(
    _scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)


@settings(deadline=None)
@given(JSON)
def test_it_is_the_form_of_the_reference_implementation(value):
    try:
        expected = rfc8785.dumps(value)
    except rfc8785.CanonicalizationError:
        with pytest.raises(rfc8785.CanonicalizationError):
            canonical(value)
    else:
        assert canonical(value) == expected


def test_a_leaf_is_what_the_reference_page_shows():
    said = form(
        number=7,
        at=instant(datetime(2026, 1, 31, 12, 0, tzinfo=UTC)),
        kind="applicant:session:opened",
        actor="user:7",
        subject="user:7",
        trail="user:7",
        details={"method": "password"},
        commitments={"ip": "00"},
    )
    assert canonical(said) == (
        b'{"actor":"user:7","at":"2026-01-31T12:00:00.000000Z","commitments":{"ip":"00"},'
        b'"details":{"method":"password"},"id":7,"kind":"applicant:session:opened",'
        b'"subject":"user:7","trail":"user:7","v":1}'
    )
