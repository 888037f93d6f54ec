import pytest


@pytest.fixture(autouse=True)
def _own_store(settings, tmp_path):
    """Every test has an empty file store of its own."""
    settings.FILES_DIR = tmp_path / "files"
