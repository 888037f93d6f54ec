"""Rendering as a task."""

from celery import shared_task

from requests_app.agreements import retrying


@shared_task(name="agreements.render_document")
def render_document(agreement_id: str) -> None:
    retrying.try_to_render(agreement_id=agreement_id)
