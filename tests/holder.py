"""Pytest plugin: what tests of downloads begin with; one that needs another makes its own."""

from pathlib import Path

import pytest

from requests_app.datasets.models import Release
from requests_app.distribution.models import Grant
from tests.factories.distribution import GrantFactory, make_link, make_release


@pytest.fixture
def own_store(settings, tmp_path: Path) -> None:
    """An empty file store that no other test sees."""
    settings.FILES_DIR = tmp_path / "files"


@pytest.fixture
def grant() -> Grant:
    return GrantFactory()


@pytest.fixture
def release(own_store: None, grant: Grant) -> Release:
    """A release that the grant covers, its bytes in the store."""
    return make_release(grant.dataset)


@pytest.fixture
def token(grant: Grant, release: Release) -> str:
    """The token of a link to the release."""
    return make_link(grant)[1]
