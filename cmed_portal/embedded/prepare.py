"""What has to be done before the portal serves: one start of Django for all of it.

Each step looks first whether it is done, for a second start has five seconds in all.
"""

import hashlib
import logging
import sys
import traceback
from pathlib import Path

import django
from django.conf import settings
from django.core.management import CommandError, call_command


def main() -> int:
    """Migrate, collect static files, load the demo once, make the keys. Returns a code."""
    log = Path(settings.VAR_DIR) / "log" / "prepare.log"
    log.unlink(missing_ok=True)
    try:
        django.setup()
        # No queue runs yet: all that is prepared is left to the sweep, and nobody need be told.
        logging.getLogger("requests_app.queue").setLevel(logging.ERROR)
        migrate()
        collect_static_files()
        call_command("seed_demo")
        publish_seal_certificate()
        seal_the_log()
    except Exception as problem:  # noqa: BLE001 - whatever it was, the log keeps it
        log.write_text(traceback.format_exc())
        if isinstance(problem, CommandError):  # its text is a sentence for a person
            print(problem, file=sys.stderr)
        return 1
    return 0


def migrate() -> None:
    """Bring the database up to the code's migrations, if it is not there."""
    from django.db import connection  # noqa: PLC0415 - needs a set-up Django
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415 - same

    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)


def collect_static_files() -> None:
    """Collect, hash and compress the static files, unless the very same ones were last time."""
    stamp = Path(settings.STATIC_ROOT) / ".collected-from"
    sources = static_sources()
    if stamp.exists() and stamp.read_text() == sources:
        return
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", verbosity=0, interactive=False)
    stamp.write_text(sources)


def publish_seal_certificate() -> None:
    """Make the seal's key if there is none, and have its certificate known before its first use."""
    from requests_app.agreements import certificates, sealing_keys  # noqa: PLC0415 - needs settings

    certificates.record(sealing_keys.load())


def seal_the_log() -> None:
    """Sign what is in the log by now; where that is refused, tell whoever starts the portal why."""
    from requests_app.audit import checkpoints  # noqa: PLC0415 - needs settings
    from requests_app.errors import PortalError  # noqa: PLC0415 - same

    try:
        checkpoints.seal()
    except PortalError as problem:
        print(problem.message, file=sys.stderr)


def static_sources() -> str:
    """SHA-256 over each static file's path, size and time of change, and what processes them."""
    from django.contrib.staticfiles.finders import get_finders  # noqa: PLC0415 - needs settings

    digest = hashlib.sha256(repr((django.VERSION, settings.STORAGES["staticfiles"])).encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = Path(storage.path(name)).stat()
            digest.update(repr((name, found.st_size, found.st_mtime_ns)).encode())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
