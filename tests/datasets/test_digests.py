"""Digests of bytes, taken while they are copied."""

import hashlib
import io
import shutil
import zlib

from hypothesis import given
from hypothesis import strategies as st

from requests_app.datasets.digests import BLOCK, DigestingReader, Digests


def copied(content: bytes, block: int) -> tuple[Digests, bytes]:
    reader, copy = DigestingReader(io.BytesIO(content)), io.BytesIO()
    shutil.copyfileobj(reader, copy, block)
    return reader.digests, copy.getvalue()


@given(st.binary(max_size=5000), st.integers(1, 6000))
def test_what_is_copied_is_what_is_digested(content: bytes, block: int) -> None:
    digests, copy = copied(content, block)
    assert copy == content
    assert digests == Digests(
        len(content), hashlib.sha256(content).hexdigest(), zlib.crc32(content)
    )


def test_content_larger_than_a_block_is_read_to_its_end() -> None:
    content = b"gull" * (BLOCK // 4) + b"tail"
    digests, _ = copied(content, BLOCK)
    assert (digests.size, digests.crc32) == (BLOCK + 4, zlib.crc32(content))


def test_nothing_has_the_digests_of_nothing() -> None:
    assert copied(b"", BLOCK)[0] == Digests(0, hashlib.sha256(b"").hexdigest(), 0)
