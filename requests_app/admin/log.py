"""The audit log, to be read and searched; nothing in it can be changed."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from requests_app.admin.base import PortalAdmin
from requests_app.admin.filters import KindFilter
from requests_app.admin.roles import OVERSIGHT
from requests_app.admin.site import site
from requests_app.admin.timeline import merged
from requests_app.audit.models import Entry
from requests_app.identity.models import User


@admin.register(Entry, site=site)
class EntryAdmin(PortalAdmin):
    """Who did what, on what, when and from where. Personal values are merged in."""

    readers = OVERSIGHT
    list_display = ("when", "kind", "actor", "subject", "told")
    list_display_links = ("when",)
    list_filter = (KindFilter,)
    date_hierarchy = "at"
    search_fields = ("kind", "actor", "subject", "trail")
    search_help_text = "E-mail address or reference of the actor, kind, or what it was done to"
    show_full_result_count = False
    fields = ("pk", "when", "kind", "actor", "subject", "trail", "told", "commitments")
    readonly_fields = fields
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        return Entry.objects.prefetch_related("personal_values").order_by("-pk")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Finds an address among the users as well: the log itself knows references only."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        if "@" in search_term:
            people = User.objects.filter(email__icontains=search_term.strip())[:20]
            refs = [user.audit_ref for user in people]
            found = queryset.filter(Q(actor__in=refs) | Q(subject__in=refs))
        return found, duplicates

    @admin.display(description="When (UTC)", ordering="pk")
    def when(self, entry: Entry) -> str:
        return f"{entry.at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="Details")
    def told(self, entry: Entry) -> SafeString:
        rows = [(name.replace("_", " "), value) for name, value in merged(entry).items() if value]
        lines = format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows)
        return format_html('<dl class="told">{}</dl>', lines)
