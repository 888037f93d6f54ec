"""Recomputing the log from its rows to every checkpoint, and naming the first thing that is bad.

Reads in places' order and in bounded memory. Nothing is believed that can be recomputed: leaves
from entries, commitments from the personal values that are left, nodes and roots from leaves,
signatures from notes. Who may have changed the keys as well is found by what an outsider kept
(`audit.outsider`, docs/how-to/verify-the-log.md).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from requests_app.audit import canonical, merkle, outsider, tree
from requests_app.audit.models import Entry, Leaf, PersonalValue, SignedCheckpoint, TreeNode
from requests_app.audit.models import Unsequenced as Waiting
from requests_app.audit.outsider import Wrong

Progress = Callable[[int, int], None]

LATENESS: Final = timedelta(minutes=10)
"""How much earlier than a checkpoint an entry after it may be dated: a long transaction."""

_CHUNK: Final = 1 << merkle.STEP << 3
_COLUMNS: Final = ("id", "at", "kind", "actor", "subject", "trail", "details", "commitments")


@dataclass(frozen=True, slots=True)
class Verified:
    """What held: entries recomputed, checkpoints checked, and entries still without a place."""

    entries: int
    checkpoints: int
    size: int
    waiting: int


def verify(*, trusted: str | None = None, key: str | None = None, progress: Progress) -> Verified:
    """Recomputes the log, all of it or what follows the checkpoint `trusted` (a signed note).

    `key` is the log's public key as the caller kept it; without it the first stored checkpoint's
    is taken. Raises outsider.Wrong that names the first thing that does not hold.
    """
    run = _Run(outsider.parse_key(key or _first_key()), progress)
    start = run.begin(trusted) if trusted is not None else 0
    return run.from_place(start)


def _first_key() -> str:
    first = SignedCheckpoint.objects.order_by("size").first()
    if first is None:
        raise Wrong("No checkpoint of the log has been signed yet: there is nothing to hold it to.")
    return first.vkey


class _Run:
    def __init__(self, key: outsider.Key, progress: Progress) -> None:
        self.key, self.progress = key, progress
        self.frontier = merkle.Frontier()
        self.checkpoints = 0
        self.not_before: datetime | None = None

    def begin(self, note: str) -> int:
        """Goes on from a trusted checkpoint, once the stored tree has its root there."""
        trusted = outsider.open_note(note, self.key)
        if trusted.size > tree.size():
            raise Wrong(
                f"The log has shrunk: the checkpoint you trust has size {trusted.size:,}, "
                f"the log has {tree.size():,} entries."
            )
        stored = tree.StoredTree()
        self.frontier = merkle.Frontier(trusted.size, stored)
        if self.frontier.root() != trusted.root:
            raise Wrong(f"The log's first {trusted.size:,} entries are not those you trust.")
        return trusted.size

    def from_place(self, start: int) -> Verified:
        rows = SignedCheckpoint.objects.filter(size__gt=start).order_by("size")
        signed = (row for row in rows.iterator())
        # Left open, PostgreSQL's cursor would be closed in whatever transaction comes after.
        with closing(signed):
            return self._from_place(start, signed)

    def _from_place(self, start: int, signed: Iterator[SignedCheckpoint]) -> Verified:
        total, due = tree.size(), next(signed, None)
        for leaves in _chunks(start, total):
            self._commitments(leaves[0]["place"], leaves)
            kept: list[merkle.Kept] = []
            for row in leaves:
                kept += self.frontier.append(self._leaf(row))
                while due is not None and due.size == self.frontier.size:
                    self._checkpoint(due)
                    due = next(signed, None)
            self._nodes(kept)
            self.progress(self.frontier.size - start, total - start)
        if self.frontier.size != total:
            raise Wrong(f"The entry at place {self.frontier.size} is missing.")
        if due is not None:
            raise Wrong(
                f"A checkpoint was signed over {due.size:,} entries, and the log has {total:,}: "
                f"those from place {total} on are missing."
            )
        self._nothing_besides(total)
        waiting = Waiting.objects.count()
        return Verified(total - start, self.checkpoints, total, waiting)

    def _leaf(self, row: dict[str, Any]) -> bytes:
        place = self.frontier.size
        if row["place"] != place:
            raise Wrong(f"The entry at place {place} is missing.")
        name = f"The entry at place {place} (number {row['entry_id']})"
        try:
            found = merkle.leaf_hash(
                canonical.leaf(**{column: row[f"entry__{column}"] for column in _COLUMNS})
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise Wrong(f"{name} was changed: it cannot be read any more.") from error
        if found != bytes(row["hash"]):
            raise Wrong(f"{name} was changed after it was given its place.")
        if self.not_before and row["entry__at"] < self.not_before - LATENESS:
            raise Wrong(
                f"{name} is dated {row['entry__at']:%Y-%m-%d %H:%M:%S}, and was added after the "
                f"checkpoint of {self.not_before:%Y-%m-%d %H:%M:%S}: it is back-dated."
            )
        return found

    def _commitments(self, first: int, rows: Sequence[dict[str, Any]]) -> None:
        """Every value that was not erased is what its entry committed to."""
        entries = {row["entry_id"]: (row["place"], row["entry__commitments"]) for row in rows}
        values = PersonalValue.objects.filter(
            entry__leaf__place__range=(first, first + len(rows) - 1)
        ).values_list("entry_id", "field", "value", "salt")
        for entry, field, value, salt in values:
            place, commitments = entries.get(entry, (first, {}))
            try:
                holds = commitments[field] == canonical.commitment(salt, value)
            except (KeyError, TypeError, ValueError):
                holds = False
            if not holds:
                raise Wrong(
                    f"The entry at place {place} (number {entry}) does not commit to the value "
                    f"kept as its {field}: the value was changed."
                )

    def _nodes(self, kept: list[merkle.Kept]) -> None:
        for height, nodes in groupby(sorted(kept), key=lambda node: node[0]):
            expected = {index: found for _, index, found in nodes}
            span = (min(expected), max(expected))
            stored = TreeNode.objects.filter(height=height, index__range=span)
            held = {i: bytes(each) for i, each in stored.values_list("index", "hash")}
            for index, found in expected.items():
                if held.get(index) != found:
                    first = index << height
                    raise Wrong(
                        f"The stored node {height}/{index} does not follow from the entries from "
                        f"place {first} to {first + (1 << height) - 1}."
                    )

    def _checkpoint(self, signed: SignedCheckpoint) -> None:
        name = f"The checkpoint of size {signed.size:,}"
        if signed.vkey != str(self.key):
            raise Wrong(f"{name} names another key: the log's key was swapped.")
        try:
            said = outsider.open_note(signed.note, self.key)
        except Wrong as error:
            raise Wrong(f"{name} does not hold: {error}") from error
        if said.size != signed.size:
            raise Wrong(f"{name} was changed: its note has size {said.size:,}.")
        if said.root != self.frontier.root():
            raise Wrong(
                f"{name} was signed over other entries than the log has: one at or before place "
                f"{signed.size - 1} was changed, and its leaf with it."
            )
        if self.not_before and signed.made_at < self.not_before:
            raise Wrong(f"{name} is dated before the one it follows.")
        self.not_before = signed.made_at
        self.checkpoints += 1

    def _nothing_besides(self, total: int) -> None:
        """No entry stands outside of the log, unless it waits for its place."""
        placed = Leaf.objects.count()
        if placed != total:
            raise Wrong(f"The log has {placed} leaves for {total} places.")
        if Entry.objects.count() == placed + Waiting.objects.count():
            return
        besides = Entry.objects.filter(leaf=None, unsequenced=None).order_by("pk").first()
        if besides is not None:
            raise Wrong(
                f"The entry number {besides.pk} was inserted past the log: it has no place."
            )


def _chunks(start: int, end: int) -> Iterator[list[dict[str, Any]]]:
    """Leaves with their entries, in places' order; without those that were taken away."""
    columns = [f"entry__{column}" for column in _COLUMNS]
    for first in range(start, end, _CHUNK):
        rows = Leaf.objects.filter(place__gte=first, place__lt=min(first + _CHUNK, end))
        found = list(rows.order_by("place").values("place", "hash", "entry_id", *columns))
        if not found:
            raise Wrong(f"The entry at place {first} is missing.")
        yield found
