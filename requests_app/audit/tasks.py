"""Work of this room as tasks; beat runs the sealer."""

from celery import shared_task

from requests_app.audit import checkpoints


@shared_task(name="audit.seal")
def seal() -> None:
    checkpoints.seal()
