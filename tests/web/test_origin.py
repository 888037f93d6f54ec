"""Where an act comes from: the address of the connection, whatever a client claims about itself."""

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from requests_app.audit.origin import Origin, current
from requests_app.web.middleware import origin


def seen_from(forwarded: str) -> Origin:
    found: list[Origin] = []

    def view(request):
        found.append(current())
        return HttpResponse()

    headers = {"X-Forwarded-For": forwarded, "User-Agent": "curl/8"}
    origin(view)(RequestFactory().get("/", REMOTE_ADDR="192.0.2.7", headers=headers))
    assert current() == Origin(), "what one request said must not reach the next"
    return found[0]


@pytest.mark.parametrize("forged", ["198.51.100.1", "198.51.100.1, 203.0.113.9", "nonsense", ""])
def test_a_forged_forwarding_header_is_not_believed(forged):
    assert seen_from(forged) == Origin(ip="192.0.2.7", user_agent="curl/8")


def test_only_as_many_proxies_are_believed_as_the_operator_named(settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert seen_from("198.51.100.1, 203.0.113.9").ip == "203.0.113.9"
