"""The one place that reads the process environment.

Every setting is an environment variable prefixed `CMED_`; `CMED_<NAME>_FILE` may name a file that
holds the value instead (container secrets). A wrong value stops the start with one sentence.
"""

import os
import secrets
import sys
from pathlib import Path
from typing import NoReturn

from environs import EnvError, FileAwareEnv

env = FileAwareEnv(prefix="CMED_", strip_whitespace=True)


def stop(sentence: str) -> NoReturn:
    """Ends the process with one sentence instead of a traceback; exit code 2."""
    sys.stderr.write(f"{sentence}\n")
    raise SystemExit(2)


def key_or_create(path: Path) -> str:
    """Returns the secret in `path`, creating it (48 random bytes, mode 0600) when absent.

    Used by the embedded shape only. Two processes starting at once agree: the file is linked into
    place under its final name, and whoever comes second reads the first one's key.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as handle:
                handle.write(secrets.token_urlsafe(48))
                handle.flush()
                os.fsync(handle.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        key = path.read_text().strip()
    except OSError as error:
        stop(
            f"The key file {path} cannot be read or created ({error.strerror}): "
            "make it readable for the user that runs the portal."
        )
    if len(key) < 32:
        stop(f"The key file {path} is empty or too short: restore it from a backup.")
    return key


__all__ = ["EnvError", "env", "key_or_create", "stop"]
