"""What each dataset allows of downloads; superusers set it. A field left empty is the portal's."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from requests_app.admin.base import PortalAdmin, RowForm
from requests_app.admin.roles import EVERY_ROLE, SUPERUSER, person
from requests_app.admin.site import site
from requests_app.distribution.policy import FIELDS, DownloadPolicy, check_values, set_policy
from requests_app.errors import Invalid


class PolicyForm(RowForm):
    """The limits of one dataset. The room judges them; its sentence shows here."""

    class Meta:
        model = DownloadPolicy
        fields = ("dataset", *FIELDS)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            check_values(values)
        except Invalid as error:
            raise forms.ValidationError(error.message) from error
        return values


@admin.register(DownloadPolicy, site=site)
class DownloadPolicyAdmin(PortalAdmin):
    """The datasets whose limits are not the portal's own."""

    readers = EVERY_ROLE
    writers = frozenset({SUPERUSER})
    adders = writers
    form = PolicyForm
    fields = ("dataset", *FIELDS)
    list_display = fields
    list_select_related = ("dataset",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("dataset",)

    def save_model(self, request: HttpRequest, obj: DownloadPolicy, form: Any, change: Any) -> None:
        values = {name: form.cleaned_data[name] for name in FIELDS}
        obj.pk = set_policy(dataset_id=obj.dataset_id, values=values, by=person(request)).pk
