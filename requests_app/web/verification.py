"""Verifying a sealed agreement: for anybody, without an account."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from requests_app.agreements import certificates


@require_safe
def certificates_file(request: HttpRequest) -> HttpResponse:
    """Sends every certificate that the portal has sealed with, their roots first (PEM)."""
    return HttpResponse(certificates.published(), content_type="text/plain; charset=utf-8")
