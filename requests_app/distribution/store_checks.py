"""System checks that ask the object store; only `check --deploy` runs them."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's

from requests_app import conf
from requests_app.distribution.storage.base import StorageError


@register(Tags.security, deploy=True)
def bucket_is_private(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """portal.E011, portal.W011: nobody reads the bucket but who was sent by the portal."""
    if conf.storage() != "s3" or conf.s3_missing():
        return []
    from requests_app.distribution.storage.s3 import is_public  # noqa: PLC0415 - see `storage`

    try:
        public = is_public(conf.s3())
    except StorageError as error:
        hint = "Run this check where the object store can be reached."
        told = f"Whether the bucket is private is not known. {error.message}"
        return [Warning(told, hint=hint, id="portal.W011")]
    if not public:
        return []
    return [
        Error(
            "Anybody can read the bucket that CMED_S3_BUCKET names.",
            hint="Take every public right from it: see docs/how-to/keep-releases-in-a-bucket.md.",
            id="portal.E011",
        )
    ]
