"""The web container's health: exit code 0 when `/readyz` answers 200, 1 otherwise.

It asks by the portal's public name, the only one that Django answers to.
"""

import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from cmed_portal.env import env


def main() -> int:
    """Ask the gunicorn of this container."""
    connection = HTTPConnection("127.0.0.1", 8000, timeout=8)
    try:
        connection.request("GET", "/readyz", headers={"Host": urlsplit(env.str("BASE_URL")).netloc})
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, HTTPException):
        return 1


if __name__ == "__main__":
    sys.exit(main())
