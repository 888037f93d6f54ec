"""Work of this room as tasks; each takes ids and calls one verb."""

from celery import shared_task

from requests_app.distribution import countersigning, links, manifest_signatures


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
