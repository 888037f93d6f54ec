"""The queue: what waits for a decision, oldest first, and the way to each request's page."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timesince import timesince

from requests_app.admin import closing, deciding, leaving, request_files, request_page
from requests_app.admin.base import PortalAdmin
from requests_app.admin.filters import (
    STANDINGS,
    CountryFilter,
    DatasetFilter,
    StandingFilter,
    StateFilter,
)
from requests_app.admin.roles import person
from requests_app.admin.site import site
from requests_app.admin.tones import STANDING_TONES, STATE_TONES, badge
from requests_app.identity.verdict import Standing
from requests_app.requests.models import AccessRequest
from requests_app.requests.visibility import for_review


@admin.register(AccessRequest, site=site)
class AccessRequestAdmin(PortalAdmin):
    """The queue. Each request has one page, read-only, with the decisions as buttons."""

    list_display = (
        "title_and_number",
        "state_badge",
        "age",
        "applicant_name",
        "institution",
        "verdict",
        "dataset_name",
    )
    list_display_links = ("title_and_number",)
    list_filter = (StateFilter, StandingFilter, DatasetFilter, CountryFilter)
    list_select_related = ("dataset", "applicant")
    search_fields = ("legal_name", "email", "applicant__email", "institution", "research_title")
    search_help_text = "Name, e-mail address, institution or research title"
    ordering = ("state_since",)
    sortable_by = ("age", "applicant_name", "institution")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessRequest]:
        return for_review(person(request))

    def get_urls(self) -> list[URLPattern]:
        own: list[tuple[str, str, Any, dict[str, str]]] = [
            ("page", "change/", request_page.page, {}),
            ("approve", "approve/", deciding.decide, {"verb": "approve"}),
            ("return", "return/", deciding.decide, {"verb": "return"}),
            ("reject", "reject/", deciding.decide, {"verb": "reject"}),
            ("revoke", "grants/<uuid:grant_id>/revoke/", deciding.revoke, {}),
            ("leave", "members/<uuid:signatory_id>/remove/", leaving.remove, {}),
            ("close", "links/<uuid:link_id>/revoke/", closing.close, {}),
            ("agreement", "agreements/<uuid:agreement_id>.pdf", request_files.agreement, {}),
            ("ethics", "ethics/<int:document_id>.pdf", request_files.ethics, {}),
        ]
        ours = [
            path(
                f"<uuid:object_id>/{where}",
                site.admin_view(view),
                kwargs,
                name=f"requests_app_accessrequest_{name}",
            )
            for name, where, view, kwargs in own
        ]
        return [*ours, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Reached only with an id that is no UUID: `request_page` answers all others."""
        return self._get_obj_does_not_exist_redirect()

    @admin.display(description="Research", ordering="research_title")
    def title_and_number(self, access_request: AccessRequest) -> str:
        return Truncator(access_request).chars(90)

    @admin.display(description="State", ordering="state")
    def state_badge(self, access_request: AccessRequest) -> SafeString:
        return badge(access_request.get_state_display(), STATE_TONES[access_request.state])

    @admin.display(description="Age", ordering="state_since")
    def age(self, access_request: AccessRequest) -> SafeString:
        since = access_request.state_since
        return format_html(
            '<time datetime="{}" title="{}">{}</time>',
            since.isoformat(),
            since.strftime("%Y-%m-%d %H:%M UTC"),
            timesince(since, depth=1),
        )

    @admin.display(description="Applicant", ordering="legal_name")
    def applicant_name(self, access_request: AccessRequest) -> SafeString:
        return format_html(
            '<bdi>{}</bdi><br><span class="quiet">{}</span>',
            access_request.legal_name,
            access_request.email,
        )

    @admin.display(description="Dataset", ordering="dataset__title")
    def dataset_name(self, access_request: AccessRequest) -> str:
        return str(access_request.dataset.card.get("short_title", access_request.dataset))

    @admin.display(description="E-mail verdict", ordering="email_standing")
    def verdict(self, access_request: AccessRequest) -> SafeString:
        standing = Standing(access_request.email_standing or Standing.UNKNOWN)
        return badge(STANDINGS[standing], STANDING_TONES[standing], access_request.email_reason)
