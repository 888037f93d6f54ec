"""The URL root."""

from django.urls import include, path

from requests_app.admin.site import site

urlpatterns = [
    path("", include("requests_app.web.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", site.urls),
]
