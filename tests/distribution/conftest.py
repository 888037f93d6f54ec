import pytest
from hypothesis import settings as hypothesis_settings

# A busy machine is not a failure: examples may take as long as they need.
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _own_store(own_store):
    """Every test here."""
