"""Grants and the download links that stand on them. Revoke on a request's page.

Of a grant approvers may set the networks it is fetched from, and nothing else.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from requests_app.admin.agreements import page_link
from requests_app.admin.base import PortalAdmin, RowForm
from requests_app.admin.fetched import fetched_context
from requests_app.admin.filters import GrantStateFilter
from requests_app.admin.roles import person
from requests_app.admin.site import site
from requests_app.admin.tones import GRANT_TONES, badge
from requests_app.distribution.access import running_grants
from requests_app.distribution.models import DownloadLink, Grant, GrantState
from requests_app.distribution.policy import clean_networks, set_networks
from requests_app.distribution.reconsents import stands_on, suspended, suspended_column
from requests_app.errors import Invalid
from requests_app.requests.permissions import may_decide
from requests_app.requests.visibility import for_review


class NetworksForm(RowForm):
    """From where a grant may be fetched. The room judges what is typed."""

    class Meta:
        model = Grant
        fields = ("networks",)

    def clean_networks(self) -> str:
        """Returns the networks in one spelling."""
        try:
            return clean_networks(self.cleaned_data["networks"])
        except Invalid as error:
            raise forms.ValidationError(error.message) from error


@admin.register(Grant, site=site)
class GrantAdmin(PortalAdmin):
    """Who may fetch what, until when, under which agreement."""

    list_display = ("holder", "institution", "dataset", "state_badge", "starts_at", "ends_at")
    list_filter = (GrantStateFilter, ("dataset", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("applicant", "dataset", "access_request", "agreement")
    search_fields = (
        "access_request__legal_name",
        "access_request__institution",
        "applicant__email",
        "agreement__number",
    )
    search_help_text = "Name, institution, e-mail address or agreement number"
    fields = (
        "holder",
        "institution",
        "dataset",
        "state_badge",
        "starts_at",
        "ends_at",
        "revoked_at",
        "revoked_reason",
        "agreement",
        "stands_on",
        "networks",
        "request_page",
    )
    readonly_fields = tuple(name for name in fields if name != "networks")
    form = NetworksForm
    change_form_template = "admin/grant.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        grant = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if grant is not None:
            context |= fetched_context(grant, request.GET.get("page"))
        return super().change_view(request, object_id, form_url, context)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and may_decide(person(request), obj.access_request)

    def save_model(self, request: HttpRequest, obj: Grant, form: Any, change: Any) -> None:
        set_networks(grant_id=obj.pk, networks=form.cleaned_data["networks"], by=person(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grant]:
        seen = for_review(person(request)).order_by().values("pk")
        running = running_grants(timezone.now())
        waiting = Exists(running.filter(suspended(timezone.now()), pk=OuterRef("pk")))
        return Grant.objects.filter(access_request__in=seen).annotate(is_suspended=waiting)

    @admin.display(description="Holder", ordering="access_request__legal_name")
    def holder(self, grant: Grant) -> str:
        return grant.access_request.legal_name

    @admin.display(description="Institution", ordering="access_request__institution")
    def institution(self, grant: Grant) -> str:
        return grant.access_request.institution

    @admin.display(description="State")
    def state_badge(self, grant: Grant) -> SafeString:
        state = grant.state()
        if grant.is_suspended:  # type: ignore[attr-defined] # annotated above
            return badge("Suspended", "bad", "until the holder signs the new version")
        return badge(state.value.capitalize(), GRANT_TONES[state])

    @admin.display(description="Stands on")
    def stands_on(self, grant: Grant) -> str:
        agreement = stands_on(grant)
        return f"{agreement.number}, version {agreement.text.number}"

    @admin.display(description="Access request")
    def request_page(self, grant: Grant) -> SafeString:
        return page_link(grant.access_request_id, str(grant.access_request))


@admin.register(DownloadLink, site=site)
class DownloadLinkAdmin(PortalAdmin):
    """When links were issued and until when they open. Of the secret not even the hash is shown."""

    list_display = ("holder", "dataset", "state_badge", "created_at", "expires_at")
    list_select_related = ("grant__access_request", "grant__dataset")
    search_fields = ("grant__access_request__legal_name", "grant__applicant__email")
    search_help_text = "Name or e-mail address of the holder"
    fields = (
        "holder",
        "dataset",
        "state_badge",
        "created_at",
        "expires_at",
        "revoked_at",
        "request_page",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[DownloadLink]:
        seen = for_review(person(request)).order_by().values("pk")
        found = DownloadLink.objects.filter(grant__access_request__in=seen)
        column = suspended_column(timezone.now(), "grant__")
        return found.annotate(is_suspended=column).defer("secret_sha256")

    @admin.display(description="Holder")
    def holder(self, link: DownloadLink) -> str:
        return link.grant.access_request.legal_name

    @admin.display(description="Dataset")
    def dataset(self, link: DownloadLink) -> str:
        return str(link.grant.dataset)

    @admin.display(description="State")
    def state_badge(self, link: DownloadLink) -> SafeString:
        now = timezone.now()
        if link.revoked_at is not None and link.revoked_at <= now:
            return badge("Revoked", "bad")
        if link.expires_at <= now:
            return badge("Expired", "")
        state = link.grant.state(now)
        if state is GrantState.ACTIVE and link.is_suspended:  # type: ignore[attr-defined] # above
            return badge("Closed: grant suspended", "bad")
        if state is GrantState.ACTIVE:
            return badge("Open", "good")
        return badge(f"Closed: grant {state.value}", GRANT_TONES[state])

    @admin.display(description="Access request")
    def request_page(self, link: DownloadLink) -> SafeString:
        return page_link(link.grant.access_request_id, str(link.grant.access_request))
