"""Finding work whose task was lost between commit and broker, and queueing it again."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from requests_app import queue
from requests_app.agreements import documents, own_signing
from requests_app.audit import witnesses
from requests_app.distribution import countersigning, links, manifest_signatures, transfers
from requests_app.lifecycle import ending, reconsent, reconsent_notices
from requests_app.notifications import delivery, log_mail

# What waits -> (rows that want the work, the task that does it, the task's argument).
WORK: dict[str, tuple[Callable[[], QuerySet[Any]], str, str]] = {
    "agreements": (documents.waiting, "agreements.render_document", "agreement_id"),
    "documents to sign": (own_signing.waiting, "agreements.issue_document", "agreement_id"),
    "countersignatures": (countersigning.waiting, "distribution.countersign", "grant_id"),
    "links": (links.grants_without_link, "distribution.issue_link", "grant_id"),
    "reconsents": (reconsent_notices.waiting, "lifecycle.give_notice", "grant_id"),
    "new versions": (reconsent.signed_and_waiting, "lifecycle.take_effect", "agreement_id"),
    "signings of grants that ended": (
        ending.left_over,
        "lifecycle.end_signing",
        "access_request_id",
    ),
    "messages": (delivery.waiting, "notifications.deliver", "message_id"),
    "manifests": (manifest_signatures.unsigned, "distribution.sign_manifest", "release_id"),
    "witnesses": (witnesses.waiting, "audit.ask_witness", "post_id"),
    "log mailboxes": (log_mail.waiting, "notifications.mail_checkpoint", "post_id"),
    "transfers": (transfers.left_behind, "distribution.settle_left_behind", "transfer_id"),
}


def sweep() -> dict[str, int]:
    """Queues every piece of waiting work again; returns how many of each kind were found.

    Safe at any time and as often as one likes: each task does its work once.
    """
    found = {}
    for name, (waiting, task, argument) in WORK.items():
        identifiers = [str(pk) for pk in waiting().values_list("pk", flat=True)]
        for identifier in identifiers:
            queue.enqueue(task, **{argument: identifier})
        found[name] = len(identifiers)
    return found
