"""The auditor's desk: the log, read, searched, counted and exported. Nothing changes it."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBadRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from requests_app.admin.activity import activity
from requests_app.admin.base import PortalAdmin
from requests_app.admin.filters import KindFilter
from requests_app.admin.log_search import matching
from requests_app.admin.roles import OVERSIGHT, person
from requests_app.admin.site import site
from requests_app.admin.timeline import merged
from requests_app.audit import exporting
from requests_app.audit.models import Entry
from requests_app.errors import Invalid

EXPORT = "requests_app_entry_export"


@admin.register(Entry, site=site)
class EntryAdmin(PortalAdmin):
    """Who did what, on what, when and from where. Personal values are merged in."""

    readers = OVERSIGHT
    change_list_template = "admin/log/list.html"
    list_display = ("when", "kind", "actor", "subject", "told")
    list_display_links = ("when",)
    list_filter = (KindFilter,)
    date_hierarchy = "at"
    search_fields = ("kind",)  # shows the field; `get_search_results` looks further
    search_help_text = "Person, agreement number, request id, file path, kind or reference"
    show_full_result_count = False
    fields = ("number", "when", "kind", "actor", "subject", "trail", "told", "commitments")
    readonly_fields = fields
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        return Entry.objects.prefetch_related("personal_values").order_by("-pk")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Finds what an auditor names: the log itself knows references only."""
        try:
            return (queryset.filter(matching(search_term)) if search_term else queryset), False
        except Invalid as error:
            if request.resolver_match and request.resolver_match.url_name == EXPORT:
                raise
            messages.warning(request, error.message)
            return queryset.none(), False

    def get_urls(self) -> list[URLPattern]:
        own: list[tuple[str, str, Any]] = [
            ("export", "export/<str:form>/", self.export),
            ("activity", "activity/", require_safe(self.activity)),
        ]
        ours = [
            path(where, site.admin_view(view), name=f"requests_app_entry_{name}")
            for name, where, view in own
        ]
        return [*ours, *super().get_urls()]

    def export(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """What the list shows under its present search and filters, as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if form not in exporting.MEDIA_TYPES:
            raise Http404
        try:
            chosen = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseBadRequest("The list has no such filter.", content_type="text/plain")
        except Invalid as error:
            return HttpResponseBadRequest(error.message, content_type="text/plain; charset=utf-8")
        if request.method != "GET":
            return HttpResponseBadRequest("Fetch the file with GET.", content_type="text/plain")
        # Those of this instant: the entry about the export is not in it.
        last = Entry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        chosen = chosen.filter(pk__lte=last)
        query = request.META.get("QUERY_STRING", "")
        exporting.record_export(by=person(request), form=form, count=chosen.count(), query=query)
        response = StreamingHttpResponse(
            exporting.lines(chosen, form), content_type=exporting.MEDIA_TYPES[form]
        )
        response["Content-Disposition"] = f'attachment; filename="log.{form}"'
        response["X-Content-Type-Options"] = "nosniff"
        return response

    def activity(self, request: HttpRequest) -> HttpResponseBase:
        """How much happened, week by week."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        groups = activity()
        weeks = zip(*(group.bars for group in groups), strict=True)
        context = {
            **site.each_context(request),
            "title": "Activity",
            "groups": groups,
            "weeks": [(bars[0].monday, [bar.count for bar in bars]) for bars in weeks][::-1],
        }
        return TemplateResponse(request, "admin/log/activity.html", context)

    @admin.display(description="Number")
    def number(self, entry: Entry) -> int:
        return entry.pk

    @admin.display(description="When (UTC)", ordering="pk")
    def when(self, entry: Entry) -> str:
        return f"{entry.at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="Details")
    def told(self, entry: Entry) -> SafeString:
        rows = [(name.replace("_", " "), value) for name, value in merged(entry).items() if value]
        lines = format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows)
        return format_html('<dl class="told">{}</dl>', lines)
