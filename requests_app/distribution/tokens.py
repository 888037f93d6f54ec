"""The token of a download link: which link, a random secret, and the portal's signature.

`<link id>.<secret>.<signature>`, each part URL-safe base64: 16 bytes, 32 random bytes, and the
HMAC-SHA256 of both under Django's secret key and a salt of its own. The secret is stored nowhere;
a row holds only its SHA-256, so neither the database nor the key alone yields a token.
"""

import hashlib
import re
import secrets
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

from django.core.signing import BadSignature, Signer

_SALT: Final = "requests_app.distribution.download-link"
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}", re.ASCII)
_DECOY: Final = f"{'A' * 22}.{'A' * 43}.{'A' * 43}"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a token says; nothing of it is true unless `genuine`."""

    link_id: uuid.UUID
    secret_sha256: str
    genuine: bool


def new_secret() -> str:
    """256 random bits as 43 characters."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """The hexadecimal SHA-256 that the link's row keeps."""
    return hashlib.sha256(secret.encode()).hexdigest()


def write_token(link_id: uuid.UUID, secret: str) -> str:
    """The token for one link."""
    return _signer().sign(f"{urlsafe_b64encode(link_id.bytes).decode().rstrip('=')}.{secret}")


def read_token(token: str) -> Claim:
    """Take a token apart. Never raises, and does the same work for a good token and for any other.

    One signature and one digest are computed whatever the token is; one that has not the shape of
    a token at all is replaced by a decoy, whose signature is as wrong.
    """
    text = token if _SHAPE.fullmatch(token) else _DECOY
    try:
        _signer().unsign(text)
        genuine = True
    except BadSignature:
        genuine = False
    name, secret, _ = text.split(".")
    link_id = uuid.UUID(bytes=urlsafe_b64decode(f"{name}=="))
    return Claim(link_id, digest(secret), genuine)


def _signer() -> Signer:
    return Signer(salt=_SALT, sep=".")
