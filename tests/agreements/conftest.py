"""A sealing key, and a document that it sealed: made once for each file of tests."""

import pytest

from tests.factories.seals import key_in, sealed_pdf


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return key_in(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def sealed(key):
    return sealed_pdf(key)
