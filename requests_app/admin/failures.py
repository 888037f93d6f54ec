"""Documents that could not be made so far: which, why, and when they are tried again."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from requests_app.admin.base import PortalAdmin
from requests_app.admin.roles import OVERSIGHT
from requests_app.admin.site import site
from requests_app.agreements.failures import failing
from requests_app.agreements.models import FailedDocument


@admin.register(FailedDocument, site=site)
class FailedDocumentAdmin(PortalAdmin):
    """The most tried first; what is made after all leaves the list by itself.

    Nothing of the request is shown: it may be a draft, which is nobody's business but its
    applicant's.
    """

    readers = OVERSIGHT
    list_display = ("number", "kind", "attempts", "not_before", "last_error")
    list_filter = ("kind",)
    fields = ("number", "kind", "attempts", "not_before", "last_error")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[FailedDocument]:
        return failing()

    @admin.display(description="Agreement")
    def number(self, failed: FailedDocument) -> str:
        return failed.agreement.number
