"""The canonical form of an entry and of a committed value: RFC 8785 JSON, hashed by SHA-256."""

import hashlib
import secrets
from typing import Any

import rfc8785


def canonical(value: Any) -> bytes:
    """Returns the RFC 8785 form of a JSON value. Raises `rfc8785.CanonicalizationError`."""
    return rfc8785.dumps(value)


def new_salt() -> str:
    """Returns 32 random bytes in hexadecimal: enough that a commitment hides a guessable value."""
    return secrets.token_hex(32)


def commitment(salt: str, value: Any) -> str:
    """Returns the hexadecimal SHA-256 of the salt's bytes followed by the canonical value."""
    return hashlib.sha256(bytes.fromhex(salt) + canonical(value)).hexdigest()
