"""Delivery as a task."""

from celery import shared_task

from requests_app.notifications import delivery, log_mail


@shared_task(name="notifications.deliver")
def deliver(message_id: str) -> None:
    delivery.deliver(message_id=message_id)


@shared_task(name="notifications.mail_checkpoint")
def mail_checkpoint(post_id: str) -> None:
    log_mail.mail_checkpoint(post_id=post_id)
