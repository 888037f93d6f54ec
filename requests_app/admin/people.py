"""Users: a superuser gives roles; addresses are read-only, and nobody is deleted."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest

from requests_app.admin.base import PortalAdmin, RowForm
from requests_app.admin.roles import SUPERUSER, person
from requests_app.admin.site import site
from requests_app.identity.models import User
from requests_app.identity.roles import change_roles
from requests_app.requests.permissions import AUDITORS, GROUPS


class RolesForm(RowForm):
    """Groups and flags of one user."""

    groups = forms.ModelMultipleChoiceField(
        queryset=Group.objects.filter(name__in=GROUPS).order_by("name"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="Reviewers read, Approvers decide, Auditors read everything. "
        "Reviewers and Approvers see the datasets that they maintain.",
    )

    class Meta:
        model = User
        fields = ("is_active", "is_staff", "is_superuser", "groups")

    # Set by the admin, so that the form can tell people about themselves.
    editor: User

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        flags = [cleaned.get(name) for name in ("is_active", "is_staff", "is_superuser")]
        if self.instance.pk == self.editor.pk and not all(flags):
            raise forms.ValidationError("You cannot shut yourself out: ask another superuser.")
        return cleaned


@admin.register(User, site=site)
class UserAdmin(PortalAdmin):
    """Accounts, and what each may do in the admin."""

    readers = frozenset({AUDITORS})
    writers = frozenset({SUPERUSER})
    form = RolesForm
    list_display = ("email", "full_name", "is_active", "is_staff", "is_superuser", "group_names")
    list_filter = ("is_staff", "is_superuser", "is_active", "groups")
    search_fields = ("email", "full_name")
    search_help_text = "E-mail address or name"
    ordering = ("email",)
    readonly_fields = ("email", "full_name", "date_joined", "last_login", "pseudonymised_at")
    fieldsets = (
        (None, {"fields": ("email", "full_name")}),
        ("Roles", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("date_joined", "last_login", "pseudonymised_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return User.objects.prefetch_related("groups")

    @admin.display(description="Groups")
    def group_names(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all()))

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, *args, **kwargs)
        return type(form.__name__, (form,), {"editor": person(request)})

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: Any) -> None:
        change_roles(
            user_id=obj.pk,
            by=person(request),
            groups=[group.name for group in form.cleaned_data["groups"]],
            is_active=obj.is_active,
            is_staff=obj.is_staff,
            is_superuser=obj.is_superuser,
        )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """The verb has written the groups already."""
