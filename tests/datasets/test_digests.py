"""Digests of bytes, taken while they are copied."""

import hashlib
import io
import shutil
import zlib

from hypothesis import given
from hypothesis import strategies as st

from requests_app.datasets.digests import BLOCK, DigestingReader, Digests, digest


@given(st.binary(max_size=5000))
def test_digests_agree_with_the_standard_library(content: bytes) -> None:
    expected = Digests(len(content), hashlib.sha256(content).hexdigest(), zlib.crc32(content))
    assert digest(io.BytesIO(content)) == expected


def test_content_larger_than_a_block_is_read_to_its_end() -> None:
    content = b"gull" * (BLOCK // 4) + b"tail"
    assert digest(io.BytesIO(content)).size == BLOCK + 4
    assert digest(io.BytesIO(content)).crc32 == zlib.crc32(content)


def test_what_is_copied_is_what_is_digested() -> None:
    reader, copy = DigestingReader(io.BytesIO(b"clip" * 1000)), io.BytesIO()
    shutil.copyfileobj(reader, copy, 7)
    assert reader.digests == digest(io.BytesIO(copy.getvalue()))
