"""What the tests of downloads share: a client that reads to the end, and addresses."""

from django.test import Client
from django.urls import reverse

SECRETIVE = {
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ReadingClient(Client):
    """A client that reads every answer to its end, into `body`."""

    def request(self, **request):
        response = super().request(**request)
        response.body = b"".join(response)
        return response


def archive_url(token, release, form="zip", query=""):
    name = f"{release.dataset.slug}-{release.version}"
    return reverse(f"release_{form}", args=[token, name]) + (f"?{query}" if query else "")
