"""Datasets and their releases. A superuser appoints maintainers; all else comes from files."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat

from requests_app.admin.base import PortalAdmin, RowForm
from requests_app.admin.roles import EVERY_ROLE, SUPERUSER, WITH_SUPERUSER, datasets, person
from requests_app.admin.site import site
from requests_app.datasets.models import Dataset, Release
from requests_app.identity.models import User
from requests_app.requests.maintainers import set_maintainers

FILES_PER_PAGE = 100


class MaintainersForm(RowForm):
    """Who maintains the dataset, among active staff and whoever does already."""

    class Meta:
        model = Dataset
        fields = ("maintainers",)
        widgets = {"maintainers": forms.CheckboxSelectMultiple}  # noqa: RUF012 - Django's shape

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "maintainers" in self.fields:
            staff = Q(is_staff=True, is_active=True) | Q(maintained_datasets=self.instance.pk)
            people = User.objects.filter(staff).distinct().order_by("full_name", "email")
            field: Any = self.fields["maintainers"]
            field.queryset = people
            field.label_from_instance = lambda user: f"{user.full_name} ({user.email})"


@admin.register(Dataset, site=site)
class DatasetAdmin(PortalAdmin):
    """The datasets of this portal; their cards are loaded from files."""

    readers = EVERY_ROLE
    writers = frozenset({SUPERUSER})
    form = MaintainersForm
    list_display = ("title", "slug", "updated_at")
    search_fields = ("title", "slug")
    search_help_text = "Title or short name"
    fields = ("title", "slug", "maintainers", "card_sha256", "created_at", "updated_at")
    readonly_fields = ("title", "slug", "card_sha256", "created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dataset]:
        return datasets(request)

    def save_model(self, request: HttpRequest, obj: Dataset, form: Any, change: Any) -> None:
        set_maintainers(
            dataset_id=obj.pk,
            user_ids=[user.pk for user in form.cleaned_data["maintainers"]],
            by=person(request),
        )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """The verb has written the maintainers already."""


@admin.register(Release, site=site)
class ReleaseAdmin(PortalAdmin):
    """Published releases and, page by page, their files."""

    readers = WITH_SUPERUSER
    change_form_template = "admin/release.html"
    list_display = ("dataset", "version", "published_at", "file_count", "size", "is_synthetic")
    list_display_links = ("dataset", "version")
    list_filter = ("is_synthetic",)
    list_select_related = ("dataset",)
    fields = (
        "dataset",
        "version",
        "published_at",
        "is_synthetic",
        "file_count",
        "size",
        "manifest_sha256",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Release]:
        return Release.objects.filter(dataset__in=datasets(request)).select_related("dataset")

    @admin.display(description="Size", ordering="total_bytes")
    def size(self, release: Release) -> str:
        return f"{filesizeformat(release.total_bytes)} ({release.total_bytes:,} bytes)"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        release = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if release is not None:
            pages = Paginator(release.files.order_by("path"), FILES_PER_PAGE)
            context["files"] = pages.get_page(request.GET.get("page"))
        return super().change_view(request, object_id, form_url, context)
