"""The answers of the gate, and what people read of them."""

from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """Whether something may be fetched, or the first reason why not."""

    ALLOWED = "allowed"
    UNKNOWN = "unknown"
    HOLDER_INACTIVE = "holder_inactive"
    GRANT_REVOKED = "grant_revoked"
    GRANT_EXPIRED = "grant_expired"
    REQUEST_CLOSED = "request_closed"
    GRANT_SUSPENDED = "grant_suspended"
    LINK_REVOKED = "link_revoked"
    LINK_EXPIRED = "link_expired"
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a reason
    OUTSIDE_NETWORK = "outside_network"
    TOO_MANY = "too_many"
    DAY_USED_UP = "day_used_up"
    DAY_SPOKEN_FOR = "day_spoken_for"
    BUSY = "busy"


HIDDEN: Final = frozenset({Verdict.UNKNOWN, Verdict.HOLDER_INACTIVE})
"""Refusals that must look as if there were no such link."""

OPEN_ENDS: Final = frozenset({Verdict.TOO_MANY, Verdict.DAY_SPOKEN_FOR})
"""Refusals because of transfers whose end is not known."""

PAUSES: Final = OPEN_ENDS | {Verdict.DAY_USED_UP, Verdict.BUSY}
"""Refusals that pass by themselves."""

_NO_LINK = (
    "There is no such download link. Copy the whole address from the e-mail, or sign in and ask"
    " for a new link on the page of your request."
)
SENTENCES: Final[dict[Verdict, str]] = {
    Verdict.UNKNOWN: _NO_LINK,
    Verdict.HOLDER_INACTIVE: _NO_LINK,
    Verdict.GRANT_REVOKED: (
        "The grant behind this link has been revoked. Write to the dataset's maintainers if you"
        " think that this is a mistake."
    ),
    Verdict.GRANT_EXPIRED: (
        "The grant behind this link has ended. To go on working with the dataset, sign in and"
        " start a new request."
    ),
    Verdict.REQUEST_CLOSED: (
        "The request behind this link is no longer approved, so nothing can be fetched with it."
        " Sign in to see where your request stands."
    ),
    Verdict.GRANT_SUSPENDED: (
        "The Data Access Agreement has a new version, and the day to sign it has passed, so the"
        " grant behind this link is suspended. Sign in, open your request and sign the new version:"
        " downloads work again at once."
    ),
    Verdict.LINK_REVOKED: (
        "This link has been revoked. Sign in and ask for a new link on the page of your request."
    ),
    Verdict.LINK_EXPIRED: (
        "This link has expired. Sign in and ask for a new link on the page of your request; files"
        " you have fetched in part can be continued with it."
    ),
    Verdict.TOKEN_REVOKED: ("This access token has been revoked. Sign in and make a new one."),
    Verdict.OUTSIDE_NETWORK: (
        "Your grant lets you fetch from your institution's networks only, and this request comes"
        " from elsewhere. Fetch from there, or ask the dataset's maintainers to add your network."
    ),
    Verdict.TOO_MANY: (
        "As many downloads as your grant allows at once are running. Wait for one to end, or fetch"
        " with fewer connections."
    ),
    Verdict.DAY_SPOKEN_FOR: (
        "The downloads that are running may use up all that your grant may fetch today. Wait for"
        " one to end."
    ),
    Verdict.BUSY: (
        "The portal sends as many downloads as it can at the moment. Please go on in a few seconds:"
        " every command continues where it stopped."
    ),
    Verdict.DAY_USED_UP: (
        "Your grant has fetched as many bytes as it may in a day. Go on after midnight UTC: every"
        " command continues where it stopped."
    ),
}
