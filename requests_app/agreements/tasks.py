"""Making documents as tasks."""

from celery import shared_task

from requests_app.agreements import retrying


@shared_task(name="agreements.render_document")
def render_document(agreement_id: str) -> None:
    retrying.try_to_render(agreement_id=agreement_id)


@shared_task(name="agreements.issue_document")
def issue_document(agreement_id: str) -> None:
    retrying.try_to_issue(agreement_id=agreement_id)
