"""What must hold before anything is started: a private folder, no second portal, a free port."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class CannotStart(Exception):
    """Holds the sentence that says what the person at the keyboard can do."""


def private_folder(folder: Path) -> Path:
    """Create `folder` if need be, for this user alone (mode 0700). Returns it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            raise CannotStart(f"{folder} belongs to somebody else: remove it, or name another.")
        folder.chmod(0o700)
    except OSError as error:
        raise CannotStart(
            f"The folder {folder} cannot be used ({error.strerror}): make it writable for you, or"
            " name another with CMED_VAR_DIR."
        ) from None
    return folder


@contextmanager
def only_one(lock: Path, address: str) -> Iterator[None]:
    """Hold `lock` for this portal at `address`, or say where the one that holds it can be found."""
    with lock.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise CannotStart(
                f"The portal already runs from this folder ({handle.read().strip()}): use that one,"
                " or end it first with Ctrl-C where it was started."
            ) from None
        handle.truncate(0)
        handle.write(f"{address}, process {os.getpid()}\n")
        handle.flush()
        yield


def port_is_free(host: str, port: int) -> None:
    """Refuse a port that another program listens on, or that may not be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "it is not a port number"
            raise CannotStart(
                f"Port {port} of {host} cannot be used ({reason}): choose another one, for example"
                f" `PORT={port + 1 if 1024 <= port < 65535 else 8001} make run`."
            ) from None
