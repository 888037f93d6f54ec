"""Django's settings, read once from the environment. Reference: docs/reference/settings.md.

Two shapes run from this one file: `embedded` (one machine, everything in `var/`) and `production`.
"""

from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from celery.schedules import crontab

from cmed_portal.embedded.sockets import redis_url
from cmed_portal.env import env, key_or_create, stop
from cmed_portal.witnesses import is_witness

BASE_DIR = Path(__file__).resolve().parent.parent

try:
    SHAPE = env.str("SHAPE", "embedded")
    if SHAPE not in {"embedded", "production"}:
        stop("CMED_SHAPE must be 'embedded' or 'production'.")
    EMBEDDED = SHAPE == "embedded"
    VAR_DIR = env.path("VAR_DIR", BASE_DIR / "var").absolute()
    DEBUG = env.bool("DEBUG", False)
    BASE_URL = env.str("BASE_URL", "http://127.0.0.1:8000" if EMBEDDED else "").rstrip("/")
    ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", [])
    SECRET_KEY = env.str("SECRET_KEY", "")
    SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
    DATABASE_URL = env.str("DATABASE_URL", "")
    REDIS_URL = env.str("REDIS_URL", redis_url(VAR_DIR) if EMBEDDED else "")
    FILES_DIR = env.path("FILES_DIR", VAR_DIR / "files").absolute()
    STORAGE = env.str("STORAGE", "local")
    if STORAGE not in {"local", "s3"}:
        stop("CMED_STORAGE must be 'local' or 's3'.")
    S3_ENDPOINT_URL = env.str("S3_ENDPOINT_URL", "").rstrip("/")
    S3_PUBLIC_ENDPOINT_URL = env.str("S3_PUBLIC_ENDPOINT_URL", "").rstrip("/")
    S3_REGION = env.str("S3_REGION", "us-east-1")
    S3_PATH_STYLE = env.bool("S3_PATH_STYLE", True)
    S3_BUCKET = env.str("S3_BUCKET", "")
    S3_PREFIX = env.str("S3_PREFIX", "")
    S3_ACCESS_KEY = env.str("S3_ACCESS_KEY", "")
    S3_SECRET_KEY = env.str("S3_SECRET_KEY", "")
    S3_PRESIGNED_SECONDS = env.int("S3_PRESIGNED_SECONDS", 300)
    if not 1 <= S3_PRESIGNED_SECONDS <= 300:
        stop("CMED_S3_PRESIGNED_SECONDS must be 1 to 300: a revoked download must end soon.")
    ACCEL_PREFIX = env.str("ACCEL_PREFIX", "")
    TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 0)
    EMAIL_HOST = env.str("EMAIL_HOST", "")
    EMAIL_PORT = env.int("EMAIL_PORT", 587)
    EMAIL_HOST_USER = env.str("EMAIL_USER", "")
    EMAIL_HOST_PASSWORD = env.str("EMAIL_PASSWORD", "")
    EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", True)
    DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", "Dataset portal <portal@localhost>")
    GRANT_DAYS = env.int("GRANT_DAYS", 365)
    LINK_DAYS = env.int("LINK_DAYS", 14)
    LINKS_PER_DAY = env.int("LINKS_PER_DAY", 5)
    LINKS_ALIVE = env.int("LINKS_ALIVE", 5)
    CONCURRENT_DOWNLOADS = env.int("CONCURRENT_DOWNLOADS", 64)
    BYTES_PER_DAY = env.int("BYTES_PER_DAY", 0)
    PORTAL_DOWNLOADS = env.int("PORTAL_DOWNLOADS", 12)
    PAGE_SIGN_IN = env.bool("PAGE_SIGN_IN", True)
    if min(LINKS_ALIVE, CONCURRENT_DOWNLOADS, PORTAL_DOWNLOADS) < 1 or BYTES_PER_DAY < 0:
        stop("CMED_LINKS_ALIVE, CMED_CONCURRENT_DOWNLOADS, CMED_PORTAL_DOWNLOADS: 1 or more.")
    NGINX_DIR = env.str("NGINX_DIR", "")
    REAUTHENTICATION_SECONDS = env.int("REAUTHENTICATION_SECONDS", 300)
    ETHICS_DOCUMENT_MAX_BYTES = env.int("ETHICS_DOCUMENT_MAX_BYTES", 10 * 1024 * 1024)
    INVITATION_DAYS = env.int("INVITATION_DAYS", 30)
    MESSAGE_LEASE_SECONDS = env.int("MESSAGE_LEASE_SECONDS", 60)
    SWEEP_SECONDS = env.float("SWEEP_SECONDS", 60.0)
    RETAIN_NETWORK_DAYS = env.int("RETAIN_NETWORK_DAYS", 365)
    RETAIN_CONTACT_DAYS = env.int("RETAIN_CONTACT_DAYS", 5 * 365)
    RETAIN_WORDS_DAYS = env.int("RETAIN_WORDS_DAYS", 10 * 365)
    RETAIN_AGREEMENT_DAYS = env.int("RETAIN_AGREEMENT_DAYS", 10 * 365)
    IDLE_ACCOUNT_DAYS = env.int("IDLE_ACCOUNT_DAYS", 3 * 365)
    DEMO_SCALE = env.float("DEMO_SCALE", 1.0)
    LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
    # A path, not the key itself: only the worker opens it.
    SEAL_KEY_FILE = env.str("SEAL_KEY_FILE", str(VAR_DIR / "keys/seal.pem") if EMBEDDED else "")
    SEAL_KEY_PASSPHRASE = env.str("SEAL_KEY_PASSPHRASE", "")
    SIGNER_ROOTS_FILE = env.str("SIGNER_ROOTS_FILE", "")
    SEAL_PKCS11_MODULE = env.str("SEAL_PKCS11_MODULE", "")
    SEAL_PKCS11_TOKEN = env.str("SEAL_PKCS11_TOKEN", "")
    SEAL_PKCS11_KEY = env.str("SEAL_PKCS11_KEY", "")
    SEAL_PKCS11_PIN = env.str("SEAL_PKCS11_PIN", "")
    TIMESTAMP_URL = env.str("TIMESTAMP_URL", "")
    TIMESTAMP_ROOTS_FILE = env.str("TIMESTAMP_ROOTS_FILE", "")
    LOG_KEY_FILE = env.str("LOG_KEY_FILE", str(VAR_DIR / "keys/log.pem") if EMBEDDED else "")
    LOG_SIGNED_FILE = env.str("LOG_SIGNED_FILE", "")
    LOG_ORIGIN = env.str("LOG_ORIGIN", f"{urlsplit(BASE_URL).hostname}/log")
    if LOG_ORIGIN.split() != [LOG_ORIGIN] or "+" in LOG_ORIGIN:
        stop("CMED_LOG_ORIGIN must be a name without blanks and plus signs.")
    LOG_SECONDS = env.float("LOG_SECONDS", 2.0)
    LOG_WITNESSES: list[str] = env.list("LOG_WITNESSES", [])
    LOG_WITNESS_MINUTES = env.float("LOG_WITNESS_MINUTES", 60.0)
    LOG_MAILBOX: list[str] = env.list("LOG_MAILBOX", [])
    LOG_MAILBOX_HOURS = env.float("LOG_MAILBOX_HOURS", 24.0)
    if wrong := [each for each in LOG_WITNESSES if not is_witness(each)]:
        stop(
            f"CMED_LOG_WITNESSES has {wrong[0]!r}: write KEY URL for each, with the key as "
            "name+hash+base64 and an https address, apart by commas."
        )
    if wrong := [each for each in LOG_MAILBOX if "@" not in each]:
        stop(f"CMED_LOG_MAILBOX has {wrong[0]!r}: write e-mail addresses, apart by commas.")
    METRICS_TOKEN = env.str("METRICS_TOKEN", "")
    if METRICS_TOKEN and len(METRICS_TOKEN) < 32:
        stop("CMED_METRICS_TOKEN must have 32 characters or more: openssl rand -hex 32 makes one.")
    VERIFY_MAX_BYTES = env.int("VERIFY_MAX_BYTES", 10 * 1024 * 1024)
except ValueError as error:  # EnvError is one, and so is a file that cannot be read
    stop(f"A setting has a wrong value: {error}")

if not EMBEDDED:
    required = {
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": DATABASE_URL,
        "REDIS_URL": REDIS_URL,
        "BASE_URL": BASE_URL,
        "EMAIL_HOST": EMAIL_HOST,
        "SEAL_KEY_FILE": SEAL_KEY_FILE,
        "LOG_KEY_FILE": LOG_KEY_FILE,
    }
    if missing := [f"CMED_{name}" for name, value in required.items() if not value]:
        stop(f"The production shape needs {', '.join(missing)}: see docs/reference/settings.md.")

SECRET_KEY = SECRET_KEY or key_or_create(VAR_DIR / "keys" / "secret-key")

# --- who answers, and to whom ---------------------------------------------------------------

_origin = urlsplit(BASE_URL)
ALLOWED_HOSTS = ALLOWED_HOSTS or [_origin.hostname or "127.0.0.1"]
if EMBEDDED:
    ALLOWED_HOSTS += ["127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [BASE_URL]
ROOT_URLCONF = "cmed_portal.urls"
WSGI_APPLICATION = "cmed_portal.wsgi.application"

INSTALLED_APPS = [
    "requests_app",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_countries",
    "allauth",
    "allauth.account",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "requests_app.web.middleware.content_security_policy",
    "requests_app.web.middleware.readable",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "requests_app.web.middleware.private_pages",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "requests_app.web.middleware.origin",
    "requests_app.web.middleware.domain_errors",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "requests_app.web.context.portal",
            ],
        },
    }
]

# --- what is kept, and where ----------------------------------------------------------------

if DATABASE_URL:
    DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=600)}
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    if DATABASES["default"]["ENGINE"].endswith("postgresql"):
        from cmed_portal.cursors import Cursor  # its driver is of no use to SQLite

        # It plans a query of many tables for longer than it runs it. One that comes again is
        # planned once for each connection, which needs its values beside its text. A pooler in
        # front must keep prepared statements (PgBouncer does from 1.21 on).
        # A line that died without a word is found out within half a minute, not after hours: many
        # requests may wait for what one of them asked over it. The address may say otherwise.
        DATABASES["default"]["OPTIONS"] = {
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
            **DATABASES["default"].get("OPTIONS", {}),
            "server_side_binding": True,
            "prepare_threshold": 3,
            "cursor_factory": Cursor,
        }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(VAR_DIR / "portal.sqlite3"),
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                # Writers queue at BEGIN instead of failing half-way; FULL because an entry that
                # was acknowledged must survive a power cut.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"{REDIS_URL}?db=1" if REDIS_URL.startswith("unix:") else f"{REDIS_URL}/1",
        "KEY_PREFIX": "portal",
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = ETHICS_DOCUMENT_MAX_BYTES

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "requests_app" / "web" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- accounts -------------------------------------------------------------------------------

AUTH_USER_MODEL = "requests_app.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTH_PASSWORD_VALIDATORS[1]["OPTIONS"] = {"min_length": 10}  # type: ignore[assignment]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "request_list"
ACCOUNT_ADAPTER = "requests_app.identity.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_FORMS = {
    "signup": "requests_app.web.account_forms.SignupForm",
    "login": "requests_app.web.account_forms.LoginForm",
    "reset_password": "requests_app.web.account_forms.ResetPasswordForm",
    "add_email": "requests_app.web.account_forms.AddEmailForm",
}
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = REAUTHENTICATION_SECONDS
ACCOUNT_RATE_LIMITS = {  # added to django-allauth's own
    "verify_agreement": "20/m/ip",
    "own_certificate": "10/m/user",
    "sign_by_invitation": "20/m/ip",
}
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT

# --- queue ----------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 50
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# All three are needed before a killed worker's task comes back soon; the first must exceed
# CELERY_TASK_TIME_LIMIT, or a slow task would be run by two workers.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 60,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 2,
    "socket_timeout": 30,
    "max_retries": 0,  # nobody waits for a queue that is away: the sweep finds the row
}
CELERY_BEAT_SCHEDULE = {
    # Late news of the log are of no use to anybody: what waited is done by the next.
    "log": {
        "task": "audit.seal",
        "schedule": LOG_SECONDS,
        "options": {"expires": 2 * LOG_SECONDS},
    },
    "sweep": {"task": "lifecycle.sweep", "schedule": SWEEP_SECONDS},
    # Soon: a revoked holder is cut off within 30 seconds, of which nginx may need 20.
    **({"nginx": {"task": "distribution.follow_nginx", "schedule": 5.0}} if NGINX_DIR else {}),
    "retention": {"task": "lifecycle.apply_retention", "schedule": crontab(hour="3", minute="30")},
}
CELERY_TIMEZONE = "UTC"

# --- e-mail ---------------------------------------------------------------------------------

MAIL_DIR = VAR_DIR / "mail"
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if EMAIL_HOST
    else "requests_app.notifications.mailbox.MailFolderBackend"
)
EMAIL_TIMEOUT = 20

# --- security -------------------------------------------------------------------------------

if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
_https = _origin.scheme == "https"
SECURE_SSL_REDIRECT = _https
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
SECURE_HSTS_PRELOAD = _https
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_AGE = 12 * 3600
X_FRAME_OPTIONS = "DENY"

# --- language, time, logging ----------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = ["cmed_portal.formats"]
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_EXCEPTION_REPORTER = "requests_app.web.redaction.RedactingReporter"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "requests_app.web.redaction.RedactingFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    # One line for every page laid out, otherwise.
    "loggers": {"weasyprint.progress": {"level": "WARNING"}},
}
