"""What every page of the admin shares: read by role, changed by nobody unless said otherwise."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.admin import ModelAdmin, ShowFacets
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse

from requests_app.admin.parts import PARTS
from requests_app.admin.roles import EVERY_ROLE, OVERSIGHT, roles

if TYPE_CHECKING:
    Frame = ModelAdmin[Any]
    RowForm = ModelForm[Any]
else:  # generic for the type checker only
    Frame = ModelAdmin
    RowForm = ModelForm


class PortalAdmin(Frame):
    """A list and pages that the roles `readers` see; nothing is ever deleted.

    The audit log is the only history: Django's own log of the admin is not written.
    """

    readers: ClassVar[frozenset[str]] = EVERY_ROLE
    writers: ClassVar[frozenset[str]] = frozenset()
    adders: ClassVar[frozenset[str]] = frozenset()
    actions = None
    list_per_page = 50
    show_facets = ShowFacets.NEVER

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(roles(request) & (self.readers | self.writers))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(roles(request) & self.writers)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(roles(request) & self.adders)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])  # a list has no actions to post
        title = PARTS[self.opts.object_name or ""]
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Answers only what the page's own filters ask.

        Django lets an address ask for any column of the table: whoever may read the list of users
        could then guess the hash of a password letter by letter. Nor a year that no calendar has.
        """
        is_of_day = lookup.startswith(f"{self.date_hierarchy}__")
        if "\0" in str(value) or (is_of_day and len(str(value)) > 4):
            return False
        return lookup in self._offered_lookups()

    def _offered_lookups(self) -> set[str]:
        offered = {f"{self.date_hierarchy}__{part}" for part in ("year", "month", "day")}
        for each in self.list_filter:
            field = each[0] if isinstance(each, tuple) else each
            if isinstance(field, str):
                endings = ("", "__exact", "__id__exact", "__isnull", "__isempty")
                offered |= {f"{field}{ending}" for ending in endings}
            else:
                offered.add(getattr(field, "parameter_name", ""))
        return offered

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Leads to the object's entries in the audit log."""
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404
        ref = getattr(found, "audit_ref", "")
        query = f"?q={ref}" if ref else ""
        return redirect(reverse("admin:requests_app_entry_changelist") + query)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["may_read_log"] = bool(roles(request) & OVERSIGHT)
        return super().render_change_form(request, context, *args, **kwargs)

    def log_addition(self, *args: Any, **kwargs: Any) -> Any:
        return None

    def log_change(self, *args: Any, **kwargs: Any) -> Any:
        return None

    def _get_obj_does_not_exist_redirect(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """An id that nobody gave out is not found, like anywhere else in the portal."""
        raise Http404
