"""The periodic sweep as a task; beat runs it."""

from celery import shared_task

from requests_app.lifecycle import sweep as sweeping


@shared_task(name="lifecycle.sweep")
def sweep() -> None:
    sweeping.sweep()
