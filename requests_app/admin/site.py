"""The maintainers' site: the admin's frame, with the portal's sign-in and nothing to delete."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from requests_app.admin.looking import entered
from requests_app.admin.parts import PARTS
from requests_app.admin.roles import MAINTAINERS, OVERSIGHT, person, roles
from requests_app.agreements.failures import failing
from requests_app.requests.states import State
from requests_app.requests.visibility import for_review


class PortalAdminSite(AdminSite):
    """Signing in and passwords are django-allauth's, so its limits and entries hold here too."""

    site_title = "Dataset access"
    site_header = "Dataset access"
    index_title = "Maintainers"
    site_url = "/"
    enable_nav_sidebar = False
    empty_value_display = "–"

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Returns the one app with its parts in the order of the work, each under its own name."""
        apps = super().get_app_list(request, app_label)
        order = list(PARTS)
        for app in apps:
            parts = [part for part in app["models"] if part["object_name"] in PARTS]
            for part in parts:
                part["name"] = PARTS[part["object_name"]]
            app["models"] = sorted(parts, key=lambda part: order.index(part["object_name"]))
        return apps

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002 - Django's
        """Every page that a member of staff opens is an entry, whoever made the page."""
        return super().admin_view(entered(view), cacheable)

    def get_urls(self) -> list[Any]:
        """Returns the addresses of the admin without the one that leads to a thing's own page.

        Nothing here has such a page, and Django's view fails for an id that is no UUID.
        """
        urls = super().get_urls()
        return [each for each in urls if getattr(each, "name", "") != "view_on_site"]

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The way in: how much waits, and everything the person may open."""
        context = dict(extra_context or {})
        if roles(request) & MAINTAINERS:
            waiting = for_review(person(request)).filter(state=State.SUBMITTED)
            context["waiting"] = waiting.count()
        if roles(request) & OVERSIGHT:
            context["failing"] = failing().count()
        return super().index(request, context)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Sends visitors to the portal's sign-in; refuses (403) those who are no staff."""
        response: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return response

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("account_logout")

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        return redirect("account_change_password")


site = PortalAdminSite()
