"""Transfers under way."""

from typing import Any

from requests_app.audit import kinds
from requests_app.distribution.models import AccessToken, DownloadLink
from requests_app.distribution.transfers import How, Transfer
from tests.factories.distribution import make_link


def make_transfer(credential: DownloadLink | AccessToken | None = None, **changes: Any) -> Transfer:
    """A transfer of a clip of 100 bytes that has begun."""
    credential = credential or make_link()[0]
    stands_on = "link" if isinstance(credential, DownloadLink) else "access_token"
    facts = {
        "kind": kinds.FILE_DOWNLOADED,
        "release": "1.0",
        "name": "clips/001.mp4",
        "digest": "0" * 64,
        "status": 200,
        "promised": 100,
        "how": How.PORTAL,
        "ip": "192.0.2.7",
        "user_agent": "wget",
    }
    return Transfer.objects.create(
        grant=credential.grant, **{stands_on: credential}, **(facts | changes)
    )
