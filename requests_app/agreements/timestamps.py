"""Asking a time-stamp authority over HTTP (RFC 3161, section 3.4), and whom to trust with time."""

import asyncio
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final

from asn1crypto import cms, tsp, x509
from pyhanko.keys.pemder import load_certs_from_pemder_data
from pyhanko.sign.timestamps.api import TimeStamper
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext

from requests_app import conf
from requests_app.errors import Misconfigured

_SECONDS: Final = 10
_MOST: Final = 1024 * 1024


class Authority(TimeStamper):
    """The authority at `url` (http or https), for pyHanko. Misconfigured when it gives no stamp.

    Its stamps must fit what was stamped; where `roots` are given, its certificate must also lead
    to one of them. `judge_by` replaces that by a context of the caller's.
    """

    def __init__(self, url: str, roots: tuple[x509.Certificate, ...] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # its base is typed in parts
        if not url.startswith(("http://", "https://")):
            raise Misconfigured("CMED_TIMESTAMP_URL must begin with http:// or https://.")
        self._url = url
        self.roots = roots
        self._context: Callable[[], ValidationContext] = lambda: ValidationContext(
            trust_roots=list(roots), allow_fetching=False
        )

    def judge_by(self, context: Callable[[], ValidationContext]) -> None:
        """Has every later stamp's certificate validated in a context of its own."""
        self._context = context

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """Returns a stamp over the digest; Misconfigured for one that is not to be relied on."""
        token = await super().async_timestamp(message_digest, md_algorithm)
        told = await validate_tst_signed_data(
            token["content"],
            self._context(),
            lambda _: message_digest,
        )
        if not (told["intact"] and told["valid"]):
            raise Misconfigured(
                f"The stamp of the time-stamp authority {self._url} does not fit what was to be "
                "stamped; the agreement waits and is tried again."
            )
        if self.roots and told["validation_path"] is None:
            raise Misconfigured(
                f"The certificate of the time-stamp authority {self._url} does not lead to a root "
                "in CMED_TIMESTAMP_ROOTS_FILE, or is not valid now; the agreement waits and is "
                "tried again."
            )
        return token

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Sends the request; the answer's status and nonce are checked by pyHanko."""
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


def roots() -> tuple[x509.Certificate, ...]:
    """Returns the roots that time-stamp authorities are measured against, none if none are given.

    Raises Misconfigured when the file named by CMED_TIMESTAMP_ROOTS_FILE holds no certificates.
    """
    return certificates_in(conf.timestamp_roots_file(), "CMED_TIMESTAMP_ROOTS_FILE")


def certificates_in(path: Path | None, setting: str) -> tuple[x509.Certificate, ...]:
    """Returns the certificates (PEM) of a file that a setting names; none without a file."""
    if path is None:
        return ()
    try:
        found = tuple(load_certs_from_pemder_data(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{setting} names {path}, which cannot be read: {error}.") from error
    if not found:
        raise Misconfigured(f"{setting} names {path}, which holds no certificate in PEM.")
    return found
