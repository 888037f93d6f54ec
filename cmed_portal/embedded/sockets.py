"""Where the embedded shape keeps its Unix sockets."""

import hashlib
import os
import tempfile
from pathlib import Path
from urllib.parse import quote

# The kernel's limit on a socket's path is 107 bytes on Linux and 103 on macOS. The longest name
# here is the one supervisor binds first, `control.sock.` and a process id.
FOLDER_BYTES = 103 - len("/control.sock.4194304")


def socket_folder(var: Path) -> Path:
    """Folder of the sockets that belong to the state folder `var` (absolute).

    `var/run`, or, where that path is too long for the kernel, a folder of the system's temporary
    directory named after this user and this `var`. Every process finds the same one. It is not
    created here.
    """
    usual = var / "run"
    if len(os.fsencode(usual)) <= FOLDER_BYTES:
        return usual
    name = hashlib.sha256(os.fsencode(var)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"portal-{os.getuid()}-{name}"


def redis_url(var: Path) -> str:
    """Address of the private Redis, as redis-py reads it; blanks and the like are quoted."""
    return f"unix://{quote(str(socket_folder(var)))}/redis.sock"
