"""The outbox: what was sent to whom and what waits. The content of a message is never shown."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from requests_app.admin.base import PortalAdmin
from requests_app.admin.roles import OVERSIGHT
from requests_app.admin.site import site
from requests_app.notifications.models import Message


@admin.register(Message, site=site)
class MessageAdmin(PortalAdmin):
    """One row for each e-mail that the portal owes somebody or has sent."""

    readers = OVERSIGHT
    list_display = ("created_at", "name", "recipient", "subject", "sent_at", "attempts")
    list_filter = (("sent_at", admin.EmptyFieldListFilter), "name")
    search_fields = ("recipient", "subject", "name")
    search_help_text = "Recipient, subject or kind of message"
    date_hierarchy = "created_at"
    fields = (
        "name",
        "recipient",
        "subject",
        "created_at",
        "sent_at",
        "attempts",
        "last_error",
        "trail",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        return Message.objects.defer("payload").order_by("-created_at")
