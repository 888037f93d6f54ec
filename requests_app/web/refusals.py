"""What somebody reads whose link does not open, or whose file is not there."""

import logging
from http import HTTPStatus

from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from redis.exceptions import RedisError

from requests_app.audit import kinds, log, origin
from requests_app.distribution.access import Access
from requests_app.distribution.models import DownloadLink
from requests_app.web.serving import private

logger = logging.getLogger(__name__)

EVERY_SECONDS = 60

HEADINGS = {
    HTTPStatus.BAD_REQUEST: "That is not a choice",
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

    link: DownloadLink | None = None
    why = ""
    what = ""
    source = origin.Origin()

    def close(self) -> None:
        """Write the entry, then let go of the request."""
        link, self.link = self.link, None
        if link is not None and self._is_news(link):
            self._record(link)
        super().close()

    def _is_news(self, link: DownloadLink) -> bool:
        try:
            return cache.add(f"refused:{link.pk}:{self.why}", "1", EVERY_SECONDS)
        except RedisError:
            return True

    def _record(self, link: DownloadLink) -> None:
        try:
            with origin.acting_from(self.source), transaction.atomic():
                log.record(
                    kinds.LINK_REFUSED,
                    by=link.grant.applicant,
                    on=link,
                    why=self.why,
                    path=self.what,
                )
        except DatabaseError:
            logger.exception("the refusal of %s could not be recorded", link.audit_ref)


def refuse_link(request: HttpRequest, access: Access, what: str) -> HttpResponse:
    """Answer a request whose link does not open; `what` is what it asked for below the link."""
    status = HTTPStatus.NOT_FOUND if access.hidden else HTTPStatus.FORBIDDEN
    response = RefusedLink()
    response.link, response.why, response.what = (
        access.link,
        access.verdict.value,
        what.replace("\0", "")[:300],
    )
    response.source = origin.current()
    return _fill(response, request, access.sentence, status)


def say(request: HttpRequest, sentence: str, status: int) -> HttpResponse:
    """Answer with one sentence: a page for a browser, a line for a program."""
    return _fill(HttpResponse(), request, sentence, status)


def _fill(response: HttpResponse, request: HttpRequest, sentence: str, status: int) -> HttpResponse:
    response.status_code = status
    if request.get_preferred_type(["text/plain", "text/html"]) == "text/html":
        context = {"sentence": sentence, "heading": HEADINGS[HTTPStatus(status)]}
        response.content = render_to_string("web/download_refused.html", context, request)
    else:
        response["Content-Type"] = "text/plain; charset=utf-8"
        response.content = f"{sentence}\n"
    response["Vary"] = "Accept"
    return private(response)
