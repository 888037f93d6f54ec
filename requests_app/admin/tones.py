"""Which colour says what: one table for the admin's badges."""

from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString

from requests_app.distribution.models import GrantState
from requests_app.identity.verdict import Standing
from requests_app.requests.states import State

STATE_TONES: Final[dict[str, str]] = {
    State.DRAFT: "",
    State.SUBMITTED: "info",
    State.RETURNED: "warn",
    State.APPROVED: "good",
    State.REJECTED: "bad",
    State.WITHDRAWN: "",
}
STANDING_TONES: Final[dict[str, str]] = {
    Standing.INSTITUTION: "good",
    Standing.UNKNOWN: "warn",
    Standing.REFUSED: "bad",
}
GRANT_TONES: Final[dict[str, str]] = {
    GrantState.ACTIVE: "good",
    GrantState.EXPIRED: "",
    GrantState.REVOKED: "bad",
}


def badge(label: str, tone: str, title: str = "") -> SafeString:
    """Returns a small coloured label; the words carry the meaning, the colour only helps."""
    return format_html('<span class="badge badge--{}" title="{}">{}</span>', tone, title, label)
