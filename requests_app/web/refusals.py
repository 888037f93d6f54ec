"""What somebody reads whose link does not open, or whose file is not there."""

import logging
from http import HTTPStatus
from math import ceil

from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from redis.exceptions import RedisError

from requests_app.audit import kinds, log, origin
from requests_app.distribution.access import Access, Credential, pause_after
from requests_app.distribution.models import DownloadLink
from requests_app.distribution.verdicts import PAUSES
from requests_app.web.account_forms import LoginForm
from requests_app.web.serving import private

logger = logging.getLogger(__name__)

EVERY_SECONDS = 60
SIGN_IN = "Sign in to open this page. In command lines the addresses of its files work without."
SOMEBODY_ELSES = (
    "This link was sent to somebody else, who alone may open its page. Sign in with the account"
    " that asked for the data."
)

HEADINGS = {
    HTTPStatus.BAD_REQUEST: "That is not a choice",
    HTTPStatus.UNAUTHORIZED: "A token is needed",
    HTTPStatus.TOO_MANY_REQUESTS: "Not so much at once",
    HTTPStatus.FORBIDDEN: "This link does not open any more",
    HTTPStatus.NOT_FOUND: "There is nothing here",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not at the moment",
}


class RefusedLink(HttpResponse):
    """A refusal that is entered into the audit log once it has been sent.

    A refusal hands nothing out, so nothing waits for its entry: the answer for a link we know then
    takes as long as the one for a link we do not know. One entry a minute stands for all refusals
    of a link for one reason, or its holder could fill the log that nobody may shorten.
    """

    credential: Credential | None = None
    why = ""
    what = ""
    source = origin.Origin()

    def close(self) -> None:
        """Write the entry, then let go of the request."""
        credential, self.credential = self.credential, None
        if credential is not None and self._is_news(credential):
            self._record(credential)
        super().close()

    def _is_news(self, credential: Credential) -> bool:
        try:
            return cache.add(f"refused:{credential.pk}:{self.why}", "1", EVERY_SECONDS)
        except RedisError:
            return True

    def _record(self, credential: Credential) -> None:
        is_link = isinstance(credential, DownloadLink)
        try:
            with origin.acting_from(self.source), transaction.atomic():
                log.record(
                    kinds.LINK_REFUSED if is_link else kinds.TOKEN_REFUSED,
                    by=credential.grant.applicant,
                    on=credential,
                    why=self.why,
                    path=self.what,
                )
        except DatabaseError:
            logger.exception("the refusal of %s could not be recorded", credential.audit_ref)


def refuse(request: HttpRequest, access: Access, what: str) -> HttpResponse:
    """Answer a request whose token does not open; `what` is what it asked for below it."""
    response = RefusedLink()
    response.credential, response.why = access.credential, access.verdict.value
    response.what = what.replace("\0", "")[:300]
    response.source = origin.current()
    if access.verdict in PAUSES:
        pause = pause_after(access.verdict, timezone.now())
        response["Retry-After"] = str(ceil(pause.total_seconds()))
    return _fill(response, request, access.sentence, _status(access))


def _status(access: Access) -> int:
    if access.verdict in PAUSES:
        return HTTPStatus.TOO_MANY_REQUESTS
    return HTTPStatus.NOT_FOUND if access.hidden else HTTPStatus.FORBIDDEN


def ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    """The page of a link is for its holder: a form to sign in with, or a sentence for another.

    The form carries the way back in its body: no address but the link's own holds the token.
    """
    if request.user.is_authenticated:
        return say(request, SOMEBODY_ELSES, HTTPStatus.FORBIDDEN)
    if not _wants_page(request):
        return say(request, SIGN_IN, HTTPStatus.FORBIDDEN)
    context = {"sentence": SIGN_IN, "form": LoginForm(), "way_back": request.path}
    page = render(request, "web/download_sign_in.html", context, status=HTTPStatus.FORBIDDEN)
    response = private(page)
    # Without any referrer a browser would send the form with `Origin: null`, which is refused.
    response["Referrer-Policy"] = "strict-origin"
    return response


def say(
    request: HttpRequest, sentence: str, status: int, *, by_itself: bool = False
) -> HttpResponse:
    """Answer with one sentence: a page for a browser, a line for a program.

    The page tells who is signed in and of which dataset; `by_itself` it asks the database nothing.
    """
    return _fill(HttpResponse(), request, sentence, status, by_itself=by_itself)


def _fill(
    response: HttpResponse,
    request: HttpRequest,
    sentence: str,
    status: int,
    *,
    by_itself: bool = False,
) -> HttpResponse:
    response.status_code = status
    if _wants_page(request):
        context = {"sentence": sentence, "heading": HEADINGS[HTTPStatus(status)]}
        asked = None if by_itself else request
        response.content = render_to_string("web/download_refused.html", context, asked)
    else:
        response["Content-Type"] = "text/plain; charset=utf-8"
        response.content = f"{sentence}\n"
    response["Vary"] = "Accept"
    return private(response)


def _wants_page(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/plain", "text/html"]) == "text/html"
