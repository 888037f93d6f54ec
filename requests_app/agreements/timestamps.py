"""Asking a time-stamp authority over HTTP (RFC 3161, section 3.4)."""

import asyncio
import urllib.request
from typing import Final

from asn1crypto import tsp
from pyhanko.sign.timestamps.api import TimeStamper

from requests_app.errors import Misconfigured

_SECONDS: Final = 10
_MOST: Final = 1024 * 1024


class Authority(TimeStamper):
    """The authority at `url` (http or https), for pyHanko. Misconfigured when it gives no stamp."""

    def __init__(self, url: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # its base is typed in parts
        if not url.startswith(("http://", "https://")):
            raise Misconfigured("CMED_TIMESTAMP_URL must begin with http:// or https://.")
        self._url = url

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Sends the request; the answer's status and imprint are checked by pyHanko."""
        return await asyncio.to_thread(self._ask, req.dump())

    def _ask(self, body: bytes) -> tsp.TimeStampResp:
        question = urllib.request.Request(  # noqa: S310 - the scheme is checked above
            self._url,
            data=body,
            headers={
                "Content-Type": "application/timestamp-query",
                "Accept": "application/timestamp-reply",
            },
        )
        try:
            with urllib.request.urlopen(question, timeout=_SECONDS) as answer:  # noqa: S310 - same
                return tsp.TimeStampResp.load(answer.read(_MOST), strict=True)
        except (OSError, ValueError) as error:
            raise Misconfigured(
                f"The time-stamp authority {self._url} gave no stamp ({error}); the agreement "
                "waits and is tried again."
            ) from error
