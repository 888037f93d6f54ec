"""Delivery as a task."""

from celery import shared_task

from requests_app.notifications import delivery


@shared_task(name="notifications.deliver")
def deliver(message_id: str) -> None:
    delivery.deliver(message_id=message_id)
