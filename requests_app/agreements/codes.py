"""The code that is mailed at the moment of signing: it shows that the mailbox is the signatory's.

It lives in the cache for a quarter of an hour, as a keyed hash, and takes five tries.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core.cache import cache
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from requests_app.agreements.signatories import Signatory
from requests_app.errors import Invalid, Refused

VALID_FOR: Final = timedelta(minutes=15)
TRIES: Final = 5
PER_DAY: Final = 20
_SALT: Final = "requests_app.agreements.codes"
_WRONG: Final = "This is not the code of the last e-mail, or it is too old. Ask for a new code."


@dataclass(frozen=True, slots=True)
class Sent:
    """A code on its way: its keyed hash, and when it was sent (aware)."""

    mac: str
    at: datetime


def new_code(signatory: Signatory) -> str:
    """Returns a fresh six-digit code, which takes the place of any earlier one.

    Raises Refused after `PER_DAY` codes for one signatory in a day.
    """
    made = f"signing-codes:{signatory.pk}"
    cache.add(made, 0, timeout=timedelta(days=1).total_seconds())
    if cache.incr(made) > PER_DAY:
        raise Refused("Too many codes were sent to this address today. Try again tomorrow.")
    code = f"{secrets.randbelow(10**6):06d}"
    seconds = VALID_FOR.total_seconds()
    cache.set(_key(signatory), Sent(_mac(signatory, code), timezone.now()), timeout=seconds)
    cache.set(_tries(signatory), 0, timeout=seconds)
    return code


def sent_at(signatory: Signatory) -> datetime | None:
    """Returns when the code that is valid now was sent; None without one."""
    found: Sent | None = cache.get(_key(signatory))
    return found.at if found else None


def check(signatory: Signatory, code: str) -> datetime:
    """Returns when the right code was sent. Raises Invalid, under the field `code`, otherwise."""
    found: Sent | None = cache.get(_key(signatory))
    if found is None:
        raise Invalid(_WRONG, {"code": [_WRONG]})
    try:
        tries = cache.incr(_tries(signatory))
    except ValueError:  # it ran out meanwhile
        tries = TRIES + 1
    typed = "".join(code.split())
    if tries > TRIES or not constant_time_compare(_mac(signatory, typed), found.mac):
        if tries >= TRIES:
            cache.delete(_key(signatory))
        raise Invalid(_WRONG, {"code": [_WRONG]})
    return found.at


def spend(signatory: Signatory) -> None:
    """Takes a code out of use, once something was signed with it."""
    cache.delete(_key(signatory))


def _mac(signatory: Signatory, code: str) -> str:
    return salted_hmac(_SALT, f"{signatory.pk}:{code}", algorithm="sha256").hexdigest()


def _key(signatory: Signatory) -> str:
    return f"signing-code:{signatory.pk}"


def _tries(signatory: Signatory) -> str:
    return f"signing-code-tries:{signatory.pk}"
