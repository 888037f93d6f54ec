"""How far the downloads under a link are, for the script of its page."""

from dataclasses import asdict
from datetime import datetime

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from requests_app.distribution.access import Access, fetchable_releases
from requests_app.web.bars import bars_of
from requests_app.web.downloads import link_for, opened
from requests_app.web.refusals import ask_to_sign_in
from requests_app.web.serving import private


@opened
def progress(request: HttpRequest, access: Access, now: datetime) -> HttpResponseBase:
    """The bars of the page as JSON, for whoever may open the page."""
    link = link_for(request, access)
    if link is None:
        return ask_to_sign_in(request)
    whole, single = bars_of(link.grant, list(fetchable_releases(link.grant, now)))
    return private(
        JsonResponse(
            {
                "releases": [asdict(bar) for bar in whole],
                "downloads": [asdict(bar) for bar in single],
            }
        )
    )
