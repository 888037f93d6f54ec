"""Typed access to the portal's own settings, so that rooms never spell a setting's name."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings


def base_url() -> str:
    """The public origin, without a trailing slash; e-mails and documents link below it."""
    return str(settings.BASE_URL)


def is_embedded() -> bool:
    return bool(settings.EMBEDDED)


def var_dir() -> Path:
    return Path(settings.VAR_DIR)


def mail_dir() -> Path:
    return Path(settings.MAIL_DIR)


def files_dir() -> Path:
    """Root of the local file store."""
    return Path(settings.FILES_DIR)


def storage() -> str:
    """Where the files of releases lie: `local` or `s3`."""
    return str(settings.STORAGE)


@dataclass(frozen=True, slots=True)
class S3:
    """A bucket and the way to it. Empty ``endpoint``: Amazon's; empty ``public``: the same one.

    ``public`` is the address that clients reach the object store under. ``prefix`` stands before
    every key, without slashes around it. ``seconds`` is how long a presigned URL lives.
    """

    endpoint: str
    public: str
    region: str
    path_style: bool
    bucket: str
    prefix: str
    access_key: str
    secret_key: str
    seconds: int

    def __repr__(self) -> str:
        return f"<bucket {self.bucket}>"  # never the secret, not even in a traceback


def s3_missing() -> list[str]:
    """The variables that the object store needs and that are not set."""
    wanted = ("S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY")
    return [f"CMED_{name}" for name in wanted if not getattr(settings, name)]


def s3() -> S3:
    """The object store's settings."""
    return S3(
        endpoint=str(settings.S3_ENDPOINT_URL),
        public=str(settings.S3_PUBLIC_ENDPOINT_URL or settings.S3_ENDPOINT_URL),
        region=str(settings.S3_REGION),
        path_style=bool(settings.S3_PATH_STYLE),
        bucket=str(settings.S3_BUCKET),
        prefix=str(settings.S3_PREFIX).strip("/"),
        access_key=str(settings.S3_ACCESS_KEY),
        secret_key=str(settings.S3_SECRET_KEY),
        seconds=int(settings.S3_PRESIGNED_SECONDS),
    )


def accel_prefix() -> str:
    """Where nginx serves the file store (`X-Accel-Redirect`); empty when the portal does."""
    return str(settings.ACCEL_PREFIX)


def grant_term() -> timedelta:
    return timedelta(days=settings.GRANT_DAYS)


def link_term() -> timedelta:
    return timedelta(days=settings.LINK_DAYS)


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """What counts where a dataset says nothing else. `bytes_per_day` 0 is no limit."""

    links_alive: int
    concurrent: int
    bytes_per_day: int
    page_sign_in: bool


def download_limits() -> DownloadLimits:
    """The portal's own limits for downloads, for each grant."""
    return DownloadLimits(
        links_alive=int(settings.LINKS_ALIVE),
        concurrent=int(settings.CONCURRENT_DOWNLOADS),
        bytes_per_day=int(settings.BYTES_PER_DAY),
        page_sign_in=bool(settings.PAGE_SIGN_IN),
    )


def portal_downloads() -> int:
    """How many downloads one web process sends itself at once."""
    return int(settings.PORTAL_DOWNLOADS)


def nginx_dir() -> Path | None:
    """The folder that is shared with nginx: its log of transfers, and when it is to reload."""
    return Path(settings.NGINX_DIR) if settings.NGINX_DIR else None


def links_per_day() -> int:
    return int(settings.LINKS_PER_DAY)


def reauthentication_age() -> timedelta:
    """How long ago an applicant may have authenticated when signing."""
    return timedelta(seconds=settings.REAUTHENTICATION_SECONDS)


def ethics_document_max_bytes() -> int:
    return int(settings.ETHICS_DOCUMENT_MAX_BYTES)


def invitation_term() -> timedelta:
    """How long somebody who is asked to sign an agreement has for it."""
    return timedelta(days=settings.INVITATION_DAYS)


def message_lease() -> timedelta:
    """How long one worker may take to send one message before another may try."""
    return timedelta(seconds=settings.MESSAGE_LEASE_SECONDS)


def retention(kind: str) -> timedelta:
    """How long personal values of a kind are kept: network, contact, words or agreement."""
    return timedelta(days=getattr(settings, f"RETAIN_{kind.upper()}_DAYS"))


def idle_account_age() -> timedelta:
    """How long ago somebody last signed in whose account is then closed."""
    return timedelta(days=settings.IDLE_ACCOUNT_DAYS)


def demo_scale() -> float:
    """Share of the card's clips that `seed_demo` makes; 1 makes all of them."""
    return float(settings.DEMO_SCALE)


def own_seal_key_file() -> Path:
    """Where the embedded shape keeps the seal's key that it makes itself."""
    return var_dir() / "keys" / "seal.pem"


def seal_key_file() -> Path:
    """File of the seal's key with its certificates. Read by what seals, never by the web."""
    return Path(settings.SEAL_KEY_FILE)


def seal_key_passphrase() -> str:
    return str(settings.SEAL_KEY_PASSPHRASE)


def signer_roots_file() -> str:
    """File (PEM) of the roots that applicants' own certificates are checked against; or empty."""
    return str(settings.SIGNER_ROOTS_FILE)


def seal_pkcs11_module() -> str:
    """The library (PKCS#11) of the token that holds the seal's key; empty without a token."""
    return str(settings.SEAL_PKCS11_MODULE)


def seal_pkcs11_token() -> str:
    """The token's label."""
    return str(settings.SEAL_PKCS11_TOKEN)


def seal_pkcs11_key() -> str:
    """The label of the private key in the token."""
    return str(settings.SEAL_PKCS11_KEY)


def seal_pkcs11_pin() -> str:
    return str(settings.SEAL_PKCS11_PIN)


def timestamp_url() -> str:
    """The time-stamp authority (RFC 3161) that seals are dated by; empty for none."""
    return str(settings.TIMESTAMP_URL)


def timestamp_roots_file() -> Path | None:
    """Roots (PEM) that the authority's certificate must lead to; None when it is not checked."""
    return Path(settings.TIMESTAMP_ROOTS_FILE) if settings.TIMESTAMP_ROOTS_FILE else None


def verify_max_bytes() -> int:
    """The largest PDF that anybody may send to be verified."""
    return int(settings.VERIFY_MAX_BYTES)


def log_origin() -> str:
    """The name of the audit log in its checkpoints (C2SP tlog-checkpoint, origin)."""
    return str(settings.LOG_ORIGIN)


def own_log_key_file() -> Path:
    """Where the embedded shape keeps the log's key that it makes itself."""
    return var_dir() / "keys" / "log.pem"


def log_key_file() -> Path:
    """File of the key that signs checkpoints. Read by the worker, never by the web."""
    return Path(settings.LOG_KEY_FILE)


def log_signed_file() -> Path | None:
    """Where the operator has the note kept of the checkpoint signed last; None for the default."""
    return Path(settings.LOG_SIGNED_FILE) if settings.LOG_SIGNED_FILE else None


def log_lag() -> timedelta:
    """How long an entry may wait for a checkpoint before the log is said not to keep up."""
    return max(timedelta(seconds=30), 2 * timedelta(seconds=settings.LOG_SECONDS))


def metrics_token() -> str:
    """The secret that whoever asks for `/metrics` must show; empty when nobody may ask."""
    return str(settings.METRICS_TOKEN)


def log_witnesses() -> dict[str, str]:
    """The witnesses that cosign checkpoints: the address of each and its public key (vkey)."""
    return {url: key for key, url in (each.split() for each in settings.LOG_WITNESSES)}


def log_witness_interval() -> timedelta:
    """How long a witness that has cosigned a checkpoint is left alone."""
    return timedelta(minutes=settings.LOG_WITNESS_MINUTES)


def log_mailboxes() -> list[str]:
    """Mailboxes that checkpoints are sent to."""
    return [each.strip() for each in settings.LOG_MAILBOX]


def log_mailbox_interval() -> timedelta:
    return timedelta(hours=settings.LOG_MAILBOX_HOURS)
