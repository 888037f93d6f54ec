"""The note signed last, kept outside of the database: one that was restored does not know of it.

Without it the portal would sign a second history with the same key, of the sizes that somebody
outside has already seen. It lies where the operator says, or beside the key. Where the key's
folder cannot be written, witnesses and keepers are what finds that (docs/adr/0016); the log of the
worker says so once.
"""

import logging
import os
from pathlib import Path

from requests_app import conf
from requests_app.errors import Misconfigured

logger = logging.getLogger(__name__)

_told: set[Path] = set()


def file() -> Path:
    """Where it is kept."""
    if told := conf.log_signed_file():
        return told
    key = conf.log_key_file()
    return key.with_name(f"{key.name}.signed")


def read() -> str:
    """Returns the note; empty when none was kept. Raises OSError and ValueError as they come."""
    try:
        return file().read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def keep(note: str) -> None:
    """Keeps a note, whole or not at all, before the transaction that signs it ends.

    The tree it covers was committed before, so a kill between the two does no harm. Raises
    Misconfigured where it cannot be kept in the file that the operator named.
    """
    path = file()
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8") as handle:
            handle.write(note)
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        if conf.log_signed_file():
            raise Misconfigured(
                f"No checkpoint of the log was signed: it cannot be kept in {path} "
                f"({error.strerror}). Make the folder of the file that CMED_LOG_SIGNED_FILE names "
                "writable for the worker."
            ) from error
        if path not in _told:
            _told.add(path)
            logger.warning(
                "the checkpoint signed last cannot be kept in %s (%s): only witnesses and keepers "
                "find a second history that is signed after a database was restored",
                path,
                error.strerror,
            )
