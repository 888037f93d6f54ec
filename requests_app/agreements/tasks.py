"""Rendering as a task."""

from celery import shared_task

from requests_app.agreements import documents


@shared_task(name="agreements.render_document")
def render_document(agreement_id: str) -> None:
    documents.render_document(agreement_id=agreement_id)
