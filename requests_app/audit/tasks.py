"""Work of this room as tasks; beat runs the sealer."""

from celery import shared_task

from requests_app.audit import checkpoints, witnesses


@shared_task(name="audit.seal")
def seal() -> None:
    checkpoints.seal()


@shared_task(name="audit.ask_witness")
def ask_witness(post_id: str) -> None:
    witnesses.ask_witness(post_id=post_id)
