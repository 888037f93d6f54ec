"""Tokens: which link or access token, a random secret, and the portal's signature.

`<id>.<secret>.<signature>`, each part URL-safe base64: 16 bytes, 32 random bytes, and the
HMAC-SHA256 of both under Django's secret key and a salt of its own. An access token begins with
`pat-`, so that one that leaked is found by who searches for it. The secret is stored nowhere; a row
holds only its SHA-256, so neither the database nor the key alone yields a token.
"""

import hashlib
import re
import secrets
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from enum import Enum
from typing import Final

from django.core.signing import BadSignature, Signer

_SHAPE: Final = re.compile(
    r"(pat-)?([A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43})", re.ASCII
)
_DECOY: Final = f"{'A' * 22}.{'A' * 43}.{'A' * 43}"


class Sort(Enum):
    """What a token is for; the value is what it begins with."""

    LINK = ""
    ACCESS = "pat-"


_SALTS: Final = {
    Sort.LINK: "requests_app.distribution.download-link",
    Sort.ACCESS: "requests_app.distribution.access-token",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """What a token says; nothing of it is true unless `genuine`. `row_id` is of `sort`'s table."""

    sort: Sort
    row_id: uuid.UUID
    secret_sha256: str
    genuine: bool


def new_secret() -> str:
    """256 random bits as 43 characters."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """The hexadecimal SHA-256 that the row keeps."""
    return hashlib.sha256(secret.encode()).hexdigest()


def write_token(row_id: uuid.UUID, secret: str, sort: Sort = Sort.LINK) -> str:
    """The token of one link or access token."""
    name = urlsafe_b64encode(row_id.bytes).decode().rstrip("=")
    return sort.value + _signer(sort).sign(f"{name}.{secret}")


def read_token(token: str) -> Claim:
    """Take a token apart. Never raises, and does the same work for a good token and for any other.

    One signature and one digest are computed whatever the token is; one that has not the shape of
    a token at all is replaced by a decoy, whose signature is as wrong.
    """
    found = _SHAPE.fullmatch(token)
    sort, text = (Sort(found[1] or ""), found[2]) if found else (Sort.LINK, _DECOY)
    try:
        _signer(sort).unsign(text)
        genuine = True
    except BadSignature:
        genuine = False
    name, secret, _ = text.split(".")
    row_id = uuid.UUID(bytes=urlsafe_b64decode(f"{name}=="))
    return Claim(sort, row_id, digest(secret), genuine)


def _signer(sort: Sort) -> Signer:
    return Signer(salt=_SALTS[sort], sep=".")
