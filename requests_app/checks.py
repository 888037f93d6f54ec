"""System checks of the portal: each has an id, and says what to do."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from requests_app import conf


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


@register
def object_store_is_named(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """portal.E010: with releases in a bucket, the portal must know which, and who it is there."""
    missing = conf.s3_missing() if conf.storage() == "s3" else []
    if not missing:
        return []
    return [
        Error(
            f"CMED_STORAGE is s3, and {', '.join(missing)} not set.",
            hint="Set them, or CMED_STORAGE=local: see docs/reference/settings.md.",
            id="portal.E010",
        )
    ]
