"""Texts and signed agreements, read-only."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from requests_app.admin import text_versions
from requests_app.admin.base import PortalAdmin
from requests_app.admin.roles import WITH_SUPERUSER, datasets, person
from requests_app.admin.site import site
from requests_app.agreements.models import Agreement, AgreementText, without_content
from requests_app.agreements.outstanding import complete
from requests_app.requests.visibility import for_review


@admin.register(AgreementText, site=site)
class AgreementTextAdmin(PortalAdmin):
    """Every version of every Data Access Agreement, as loaded, and who stands on which."""

    readers = WITH_SUPERUSER
    change_form_template = "admin/agreement_text/page.html"
    list_display = ("dataset", "number", "published_at", "digest")
    list_display_links = ("dataset", "number")
    list_select_related = ("dataset",)
    fields = ("dataset", "number", "published_at", "digest")
    readonly_fields = fields

    @admin.display(description="SHA-256", ordering="sha256")
    def digest(self, text: AgreementText) -> str:
        return text.sha256

    def get_queryset(self, request: HttpRequest) -> QuerySet[AgreementText]:
        return AgreementText.objects.filter(dataset__in=datasets(request))

    def get_urls(self) -> list[URLPattern]:
        ask = site.admin_view(text_versions.ask_to_sign)
        name = "requests_app_agreementtext_ask"
        return [path("<int:object_id>/ask/", ask, name=name), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        text = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if text is not None and self.has_view_permission(request, text):
            context |= text_versions.version_context(request, text)
        return super().change_view(request, object_id, form_url, context)


@admin.register(Agreement, site=site)
class AgreementAdmin(PortalAdmin):
    """Agreements that all have signed, of the requests the person may review."""

    list_display = ("number", "signer_name", "institution", "dataset", "signed_at", "has_pdf")
    list_filter = (("text__dataset", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("access_request", "text__dataset")
    search_fields = ("number", "access_request__legal_name", "access_request__institution")
    search_help_text = "Number, name or institution"
    date_hierarchy = "signed_at"
    fields = ("number", "dataset", "text", "signed_at", "signer_name", "pdf", "request_page")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agreement]:
        seen = for_review(person(request)).order_by().values("pk")
        signed = complete(Agreement.objects.filter(access_request__in=seen))
        return signed.prefetch_related(without_content())

    @admin.display(description="Signed by")
    def signer_name(self, agreement: Agreement) -> str:
        return str(agreement.values.get("applicant_name", ""))

    @admin.display(description="Institution")
    def institution(self, agreement: Agreement) -> str:
        return str(agreement.values.get("institution", ""))

    @admin.display(description="Dataset", ordering="text__dataset")
    def dataset(self, agreement: Agreement) -> str:
        return str(agreement.text.dataset)

    @admin.display(description="PDF", boolean=True)
    def has_pdf(self, agreement: Agreement) -> bool:
        return agreement.document is not None

    @admin.display(description="PDF")
    def pdf(self, agreement: Agreement) -> Any:
        document = agreement.document
        if document is None:
            return "still being made"
        where = reverse(
            "admin:requests_app_accessrequest_agreement",
            args=[agreement.access_request_id, agreement.pk],
        )
        kind = f"{document.get_kind_display()}, PAdES {document.level}"
        return format_html('<a href="{}">{}.pdf</a> ({})', where, agreement.number, kind)

    @admin.display(description="Access request")
    def request_page(self, agreement: Agreement) -> SafeString:
        return page_link(agreement.access_request_id, str(agreement.access_request))


def page_link(access_request_id: object, label: str) -> SafeString:
    """Returns a link to the page of a request."""
    where = reverse("admin:requests_app_accessrequest_change", args=[access_request_id])
    return format_html('<a href="{}">{}</a>', where, label)
