"""Giving entries their places in the tree: in batches, by one sealer at a time.

A place follows from when the sealer first sees an entry committed; within one batch the lower id
comes first. So whatever was committed before another act began stands before it, and there is no
gap. Appending an entry waits for none of this.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.db.models import Min
from django.utils import timezone

from requests_app.audit import canonical, merkle, tree
from requests_app.audit.models import Entry, Leaf, TreeNode, Unsequenced
from requests_app.errors import Conflict

BATCH: Final = 1_000

_LOCK: Final = 0x636D65645F6C6F67
"""Key of the advisory lock; PostgreSQL gives it back when its holder is killed."""


def sequence() -> int:
    """Places every entry that waits; returns how many.

    Safe at any time, twice at once, and to kill: a batch is one transaction.
    """
    placed = 0
    while Unsequenced.objects.exists():
        placed += sequence_batch()
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
    frontier = merkle.Frontier(tree.size(), tree.StoredTree())
    first, hashes = frontier.size, [merkle.leaf_hash(leaf_of(entry)) for entry in entries]
    nodes = frontier.extend(hashes)
    _require_new(nodes)
    leaves = [
        Leaf(place=place, entry=entry, hash=found)
        for place, (entry, found) in enumerate(zip(entries, hashes, strict=True), first)
    ]
    Leaf.objects.bulk_create(leaves)
    TreeNode.objects.bulk_create(TreeNode(height=h, index=i, hash=each) for h, i, each in nodes)
    Unsequenced.objects.filter(pk__in=waiting).delete()
    return len(leaves)


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
    """Returns the canonical form of an entry as it is stored."""
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
