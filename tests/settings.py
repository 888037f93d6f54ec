"""Settings of the test suite: the product's own, with nothing outside the process."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if "PORTAL_TESTS_SCRATCH" not in os.environ:  # xdist's workers inherit the first process's
    os.environ["PORTAL_TESTS_SCRATCH"] = tempfile.mkdtemp(prefix="portal-tests-")
    atexit.register(shutil.rmtree, os.environ["PORTAL_TESTS_SCRATCH"], ignore_errors=True)
_worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
_scratch = Path(os.environ["PORTAL_TESTS_SCRATCH"]) / _worker
os.environ["CMED_VAR_DIR"] = str(_scratch)
os.environ["CMED_SECRET_KEY"] = "tests-only-tests-only-tests-only-tests-only-tests-only"
for _name in (
    "SHAPE",
    "BASE_URL",
    "FILES_DIR",
    "STORAGE",
    "REDIS_URL",
    "DATABASE_URL",
    "EMAIL_HOST",
    "SEAL_KEY_FILE",
    "LOG_KEY_FILE",
    "LOG_SIGNED_FILE",
):
    os.environ.pop(f"CMED_{_name}", None)
if "CMED_TEST_DATABASE_URL" in os.environ:  # set by the plugin tests.on_postgres
    os.environ["CMED_DATABASE_URL"] = os.environ["CMED_TEST_DATABASE_URL"]

(_scratch / "static").mkdir(parents=True, exist_ok=True)  # WhiteNoise warns where it finds none

from cmed_portal.settings import *  # noqa: E402, F403 - the environment must be set first

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CELERY_BROKER_URL = "memory://"
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405 - from the product's settings
    # A file, because threads that race for a row need connections of their own.
    DATABASES["default"]["TEST"] = {"NAME": _scratch / "test.sqlite3"}  # noqa: F405
    DATABASES["default"]["OPTIONS"]["init_command"] = (  # noqa: F405
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
    )
