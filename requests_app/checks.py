"""System checks of the portal: each has an id, and says what to do."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security, deploy=True)
def base_url_is_https(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """portal.E001: links in e-mails carry secrets, so production must speak https."""
    if settings.BASE_URL.startswith("https://"):
        return []
    return [
        Error(
            "CMED_BASE_URL does not start with https://.",
            hint="Set it to the public https address; download links are sent below it.",
            id="portal.E001",
        )
    ]
