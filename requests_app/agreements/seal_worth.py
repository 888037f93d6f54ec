"""What a seal is worth whose certificate was declared invalid from some time on.

The seal's own time counts for nothing then: whoever has the key writes any time into a seal. Two
witnesses know better: a time stamp of an authority that is trusted (RFC 3161), and the portal's own
records of the file.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from requests_app.agreements.sealed_facts import Facts, SealSeen

Recorded = Callable[[str, str], datetime | None]
"""When the portal wrote a document down, by the agreement's number and the document's SHA-256
(hexadecimal); None for none of its own."""

AFTER: Final = (
    "This document was sealed on {at}. The lab has declared the certificate of its seal invalid as"
    " of {since}: since then its key may be in other hands, so the seal proves nothing. Do not rely"
    " on it; ask the lab."
)
UNTOLD: Final = (
    "This document says that it was sealed on {at}. The lab has declared the certificate of its"
    " seal invalid as of {since}, and whoever has its key can write any day into a seal. No time"
    " stamp of an authority trusted here shows that it was sealed before, so it cannot be told from"
    " the file whether it is genuine. Ask on the portal's page for verifying, which knows every"
    " document that the portal made."
)
_BEFORE: Final = (
    " The lab has declared the certificate of its seal invalid as of {since}; {witness} that it"
    " was sealed before."
)
_COVERED: Final = (
    " The lab has declared the certificate of its first seal invalid as of {since}; the"
    " countersignature, made with another certificate, covers all of it."
)


@dataclass(frozen=True)
class Worth:
    """`doubt` is why a document proves nothing, empty if it does; `note` what is to be known."""

    doubt: str = ""
    note: str = ""


def worth(facts: Facts, recorded_at: datetime | None) -> Worth:
    """Returns what a document is worth by its last seal, which covers all of it.

    `recorded_at` is when the portal wrote this very document down, None where nobody knows.
    """
    last = facts.seals[-1]
    if last.invalid_from is None:
        first = next((each.invalid_from for each in facts.seals if each.invalid_from), None)
        return Worth(note=_COVERED.format(since=_minute(first)) if first else "")
    since = _minute(last.invalid_from)
    if witness := _witness(last, last.invalid_from, recorded_at):
        return Worth(note=_BEFORE.format(since=since, witness=witness))
    at = recorded_at or last.at
    sentence = AFTER if at >= last.invalid_from else UNTOLD
    return Worth(doubt=sentence.format(at=_minute(at), since=since))


def _witness(seal: SealSeen, since: datetime, recorded_at: datetime | None) -> str:
    """Returns who shows that it was sealed before, as the beginning of a sentence."""
    if seal.stamp == "trusted" and seal.stamped_at is not None and seal.stamped_at < since:
        return f"a time stamp of {_minute(seal.stamped_at)} shows"
    if recorded_at is not None and recorded_at < since:
        return "the portal's records show"
    return ""


def _minute(at: datetime) -> str:
    return f"{at:%d %B %Y, %H:%M} UTC".lstrip("0")
