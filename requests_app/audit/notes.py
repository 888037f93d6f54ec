"""Signing checkpoints as C2SP signed notes, Ed25519. Opening them again: `audit.outsider`."""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from requests_app.audit.outsider import Checkpoint, Key


def public_key(origin: str, key: Ed25519PrivateKey) -> Key:
    """Returns the public half under the name it signs with; `str()` of it is the vkey line."""
    return Key(origin, key.public_key().public_bytes_raw())


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """Returns the signed note: the checkpoint, an empty line, and one signature line."""
    text = str(checkpoint)
    signature = public_key(checkpoint.origin, key).id + key.sign(text.encode())
    encoded = base64.b64encode(signature).decode()
    return f"{text}\n\N{EM DASH} {checkpoint.origin} {encoded}\n"
