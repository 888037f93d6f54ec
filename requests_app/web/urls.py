"""The public and the applicant's side of the portal."""

from django.urls import path, re_path

from requests_app.web import health, home

urlpatterns = [
    path("", home.home, name="home"),
    re_path(r"^dataset/citation\.(?P<kind>bib|ris|cff)$", home.citation_file, name="citation"),
    path("dataset/croissant.json", home.croissant, name="croissant"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
