"""Work of this room as tasks; each takes ids and calls one verb."""

from celery import shared_task

from requests_app.distribution import (
    countersigning,
    links,
    manifest_signatures,
    nginx_log,
    settling,
)


@shared_task(name="distribution.issue_link")
def issue_link(grant_id: str) -> None:
    """Send the first link of a grant."""
    links.ensure_link(grant_id=grant_id)


@shared_task(name="distribution.countersign")
def countersign(grant_id: str) -> None:
    """Countersign the agreement of a grant."""
    countersigning.countersign(grant_id=grant_id)


@shared_task(name="distribution.sign_manifest")
def sign_manifest(release_id: str) -> None:
    """Sign the manifest of a release."""
    manifest_signatures.sign_manifest(release_id=release_id)


@shared_task(name="distribution.settle_left_behind")
def settle_left_behind(transfer_id: str) -> None:
    """Settle a transfer whose process was killed."""
    settling.settle_left_behind(transfer_id=transfer_id)


@shared_task(name="distribution.follow_nginx")
def follow_nginx() -> None:
    """Settle what nginx has sent, and cut what it may not go on sending."""
    nginx_log.follow()
    nginx_log.cut_what_may_not_go_on()
