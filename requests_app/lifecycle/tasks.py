"""Work of this room as tasks; beat runs the sweep."""

from celery import shared_task

from requests_app.lifecycle import ending, forgetting, reconsent, reconsent_notices
from requests_app.lifecycle import sweep as sweeping


@shared_task(name="lifecycle.sweep")
def sweep() -> None:
    sweeping.sweep()


@shared_task(name="lifecycle.give_notice")
def give_notice(grant_id: str) -> None:
    reconsent_notices.give_notice(grant_id=grant_id)


@shared_task(name="lifecycle.take_effect")
def take_effect(agreement_id: str) -> None:
    reconsent.take_effect(agreement_id=agreement_id)


@shared_task(name="lifecycle.end_signing")
def end_signing(access_request_id: str) -> None:
    ending.end_signing(access_request_id=access_request_id)


@shared_task(name="lifecycle.apply_retention")
def apply_retention() -> None:
    forgetting.apply_retention()
