"""The public and the applicant's side of the portal."""

from django.urls import path

from requests_app.web import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
