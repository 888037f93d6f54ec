"""The key that signs checkpoints: made on first start, or given as a file. Not the seal's key."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from requests_app import conf
from requests_app.errors import Misconfigured


def load() -> Ed25519PrivateKey:
    """Returns the log's key; the embedded shape makes it where it is missing.

    Raises Misconfigured, with a sentence, when the file cannot be read or holds no Ed25519 key.
    """
    path = conf.log_key_file()
    try:
        if conf.is_embedded() and path == conf.own_log_key_file() and not path.exists():
            _make(path)
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise Misconfigured(
            f"The log's key {path} cannot be read ({error.strerror}): make the file that "
            "CMED_LOG_KEY_FILE names readable for the worker, and for nobody else."
        ) from error
    except (ValueError, TypeError) as error:
        raise Misconfigured(f"The log's key {path} is not a private key (PEM).") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Misconfigured(f"The log's key {path} is not an Ed25519 key.")
    return key


def _make(path: Path) -> None:
    """Two processes that start at once agree: the file is linked into place, the first one wins."""
    content = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
