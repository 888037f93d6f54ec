"""How long each personal value of the log is kept: by what it is, as one table."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from requests_app import conf


class Retention(StrEnum):
    """What a personal value is. `CMED_RETAIN_<NAME>_DAYS` says how long each is kept."""

    NETWORK = "network"
    CONTACT = "contact"
    WORDS = "words"
    AGREEMENT = "agreement"


# Every personal field of `audit.kinds`, under whatever kind of entry it stands. Personal, `before`
# and `after` are the networks of a grant, and `path` is what was asked for and refused.
FIELDS: Final[dict[str, Retention]] = {
    "ip": Retention.NETWORK,
    "user_agent": Retention.NETWORK,
    "before": Retention.NETWORK,
    "after": Retention.NETWORK,
    "path": Retention.NETWORK,
    "email": Retention.CONTACT,
    "recipient": Retention.CONTACT,
    "query": Retention.CONTACT,
    "reason": Retention.WORDS,
    "private_note": Retention.WORDS,
    "typed_name": Retention.AGREEMENT,
    "subject": Retention.AGREEMENT,
}


def fields_of(what: Retention) -> list[str]:
    """Returns the names of the fields that are kept as long as `what`."""
    return [name for name, retention in FIELDS.items() if retention is what]


def kept_since(what: Retention, now: datetime) -> datetime:
    """Returns the instant before which values of this kind are no longer kept."""
    return now - conf.retention(what.value)
