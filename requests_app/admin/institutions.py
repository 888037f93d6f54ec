"""E-mail domains: the operator's word stands over every list."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from requests_app.admin.base import PortalAdmin, RowForm
from requests_app.admin.roles import EVERY_ROLE, SUPERUSER, person
from requests_app.admin.site import site
from requests_app.errors import Invalid
from requests_app.identity.models import InstitutionDomain
from requests_app.identity.rulings import rule, ruled_host

RULINGS = [
    (standing.value, str(standing.label))
    for standing in (InstitutionDomain.Standing.ALLOW, InstitutionDomain.Standing.DENY)
]


class RulingForm(RowForm):
    """Accept or refuse one domain. The verb judges what is typed; its sentences show here."""

    domain = forms.CharField(
        max_length=253, help_text="Such as university.edu; everything below it is meant too."
    )
    standing = forms.ChoiceField(choices=RULINGS, widget=forms.RadioSelect)

    class Meta:
        model = InstitutionDomain
        fields = ("domain", "name", "standing")

    def clean_domain(self) -> str:
        """Returns the domain as it is kept, so that a second row for it is refused here."""
        try:
            return ruled_host(self.cleaned_data["domain"])
        except Invalid as error:
            raise forms.ValidationError(error.message) from error


@admin.register(InstitutionDomain, site=site)
class InstitutionDomainAdmin(PortalAdmin):
    """Domains that lists or the operator speak of; superusers accept and refuse."""

    readers = EVERY_ROLE
    writers = frozenset({SUPERUSER})
    adders = writers
    form = RulingForm
    fields = ("domain", "name", "standing", "source", "added_at")
    list_display = ("domain", "name", "standing", "source", "added_at")
    list_filter = ("standing",)
    search_fields = ("domain", "name")
    search_help_text = "Domain or name of the institution"
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("source", "added_at") if obj is None else ("domain", "source", "added_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("domain", "name", "standing") if obj is None else self.fields

    def save_model(
        self, request: HttpRequest, obj: InstitutionDomain, form: Any, change: Any
    ) -> None:
        row = rule(domain=obj.domain, standing=obj.standing, name=obj.name, by=person(request))
        obj.pk = row.pk
