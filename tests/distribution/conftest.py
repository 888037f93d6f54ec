import pytest
from hypothesis import settings as hypothesis_settings

# A busy machine is not a failure: examples may take as long as they need.
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _own_store(settings, tmp_path):
    """Every test has an empty file store of its own."""
    settings.FILES_DIR = tmp_path / "files"
