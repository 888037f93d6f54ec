"""Giving entries their places in the tree: in batches, by one sealer at a time.

A place follows from when the sealer first sees an entry committed; within one batch the lower id
comes first. So whatever was committed before another act began stands before it, and there is no
gap. Appending an entry waits for none of this.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.db.models import Min
from django.utils import timezone

from requests_app.audit import canonical, merkle, tree
from requests_app.audit.models import Entry, Leaf, TreeNode, Unsequenced
from requests_app.errors import Conflict

logger = logging.getLogger(__name__)

BATCH: Final = 1_000

NO_FORM: Final = (ValueError, TypeError, AttributeError, RecursionError)

_LOCK: Final = 0x636D65645F6C6F67
"""Key of the advisory lock; PostgreSQL gives it back when its holder is killed."""


def sequence() -> int:
    """Places every entry that waits; returns how many.

    Safe at any time, twice at once, and to kill: a batch is one transaction.
    """
    placed = 0
    while Unsequenced.objects.exists():
        if not (some := sequence_batch()):
            break  # what is left has no canonical form, or is looked at next time
        placed += some
    return placed


@transaction.atomic
def sequence_batch() -> int:
    """Places the entries that wait, `BATCH` at most, and keeps the tree's new nodes.

    Returns how many. Costs the batch and the logarithm of the tree's size. Raises Conflict where
    one of the nodes is there already.
    """
    take_turn()
    waiting = list(Unsequenced.objects.order_by("pk").values_list("pk", flat=True)[:BATCH])
    # A row that was put there by hand must not stop the log: its entry has a place, or is none.
    entries = Entry.objects.filter(pk__in=waiting, leaf=None).order_by("pk")
    hashed, left = _hashed(entries)
    frontier = merkle.Frontier(tree.size(), tree.StoredTree())
    first, nodes = frontier.size, frontier.extend([found for _, found in hashed])
    _require_new(nodes)
    leaves = [
        Leaf(place=place, entry=entry, hash=found)
        for place, (entry, found) in enumerate(hashed, first)
    ]
    Leaf.objects.bulk_create(leaves)
    TreeNode.objects.bulk_create(TreeNode(height=h, index=i, hash=each) for h, i, each in nodes)
    Unsequenced.objects.filter(pk__in=set(waiting) - left).delete()
    return len(leaves)


def _hashed(entries: Iterable[Entry]) -> tuple[list[tuple[Entry, bytes]], set[int]]:
    """The leaf hash of each entry, and those that have none: they wait until somebody looks."""
    hashed, left = [], set()
    for entry in entries:
        try:
            hashed.append((entry, merkle.leaf_hash(leaf_of(entry))))
        except NO_FORM:
            left.add(entry.pk)
            logger.error("the entry number %s has no canonical form: it gets no place", entry.pk)  # noqa: TRY400 - it comes round every few seconds
    return hashed, left


def _require_new(nodes: Sequence[merkle.Kept]) -> None:
    """Nobody else writes nodes: over one that was put there by hand nothing may be signed."""
    for height, index, _ in nodes:
        if TreeNode.objects.filter(height=height, index=index).exists():
            raise Conflict(
                f"No entry of the log was given its place: the node {height}/{index} of its tree "
                "is stored, and follows from no entry. Run manage.py audit_verify, and keep the "
                "database as it is."
            )


def leaf_of(entry: Entry) -> bytes:
    """Returns the canonical form of an entry as it is stored.

    Raises one of `NO_FORM` for one that was not written here: this room looks before it writes.
    """
    if not (isinstance(entry.details, dict) and isinstance(entry.commitments, dict)):
        raise TypeError("details and commitments are objects")
    if canonical.has_float(entry.details):
        raise ValueError("an entry has no floats")
    at = canonical.instant(entry.at)
    said = canonical.form(
        entry.pk,
        at,
        entry.kind,
        entry.actor,
        entry.subject,
        entry.trail,
        entry.details,
        entry.commitments,
    )
    return canonical.canonical(said)


def waiting_since() -> datetime | None:
    """Returns the time of the oldest entry without a place; None when all have one."""
    found: datetime | None = Unsequenced.objects.aggregate(since=Min("entry__at"))["since"]
    return found


def age(since: datetime | None) -> float:
    """Returns for how many seconds an entry of that time has waited; 0 for none."""
    return max(0.0, (timezone.now() - since).total_seconds()) if since else 0.0


def take_turn() -> None:
    """One sealer at a time, until the transaction ends. SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
