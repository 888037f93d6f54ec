"""Every message the portal sends: one function each, all through the outbox."""

from requests_app.notifications.models import Message
from requests_app.notifications.outbox import Attachment, post

__all__ = ["Attachment", "Message", "post"]
