"""Recomputing the log from its rows to every checkpoint, and naming the first thing that is bad.

Reads in places' order, in bounded memory, and while the log grows. Nothing is believed that can be
recomputed: leaves from entries, commitments from the personal values that are left, nodes and roots
from leaves, signatures from notes. Who may have changed the keys as well is found by what an
outsider kept (`audit.outsider`, docs/how-to/verify-the-log.md).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import count, groupby
from typing import Final

from django.db.models import Count, Exists, Max, OuterRef
from django.utils import timezone

from requests_app.audit import (
    canonical,
    chain,
    merkle,
    outsider,
    placed,
    recomputing,
    sequencing,
    signed_last,
    tree,
    witnesses,
)
from requests_app.audit.models import Entry, Leaf, SignedCheckpoint, TreeNode
from requests_app.audit.models import Unsequenced as Waiting
from requests_app.audit.outsider import Wrong

Progress = Callable[[int, int], None]

_CHUNK: Final = 1 << merkle.STEP << 3


@dataclass(frozen=True, slots=True)
class Verified:
    """What held: entries recomputed, checkpoints checked, and entries still without a place.

    `note_kept` tells whether the newest checkpoint was compared with a note that is kept of it.
    """

    entries: int
    checkpoints: int
    size: int
    waiting: int
    note_kept: bool


def verify(*, trusted: str | None = None, key: str | None = None, progress: Progress) -> Verified:
    """Recomputes the log, all of it or what follows the checkpoint `trusted` (a signed note).

    `key` is the log's public key as the caller kept it; without it the first stored checkpoint's
    is taken. Raises outsider.Wrong that names the first thing that does not hold.
    """
    run = _Run(outsider.parse_key(key or _first_key()), progress)
    start = run.begin(trusted) if trusted is not None else 0
    return run.from_place(start)


def _first_key() -> str:
    first = SignedCheckpoint.objects.filter(size__gt=0).order_by("size").first()
    if first is None:
        if told := signed_last.begins_anew():
            raise Wrong(told)
        raise Wrong("No checkpoint of the log has been signed yet: there is nothing to hold it to.")
    return first.vkey


class _Run:
    def __init__(self, key: outsider.Key, progress: Progress) -> None:
        self.key, self.progress = key, progress
        self.frontier, self.chain = merkle.Frontier(), chain.Chain(key)
        self.not_before: datetime | None = None
        self.earliest = self.latest = ""

    def begin(self, note: str) -> int:
        """Goes on from a trusted checkpoint, once the stored tree has its root there."""
        trusted = outsider.open_note(note, self.key)
        if trusted.size > tree.size():
            raise Wrong(
                f"The log has shrunk: the checkpoint you trust has size {trusted.size:,}, "
                f"the log has {tree.size():,} entries."
            )
        self.frontier = merkle.Frontier(trusted.size, tree.StoredTree())
        if self.frontier.root() != trusted.root:
            raise Wrong(f"The log's first {trusted.size:,} entries are not those you trust.")
        self._passed(self.chain.begin(trusted))
        return trusted.size

    def from_place(self, start: int) -> Verified:
        rows = SignedCheckpoint.objects.filter(size__gt=start).order_by("size")
        signed = (row for row in rows.iterator())
        # Left open, PostgreSQL's cursor would be closed in whatever transaction comes after.
        with closing(signed):
            return self._from_place(start, map(self.chain.next, signed))

    def _from_place(self, start: int, signed: Iterator[chain.Dated]) -> Verified:
        # In this order: while the log grows, no checkpoint may be larger than what is looked at.
        due, total = next(signed, None), tree.size()
        for first in range(start, total, _CHUNK):
            end = min(first + _CHUNK, total)
            rows = placed.entries(first, end)
            found = recomputing.recompute(rows, placed.personal_values(rows))
            kept: list[merkle.Kept] = []
            while (done := self.frontier.size) < end:
                until = min(end, due.said.size) if due else end
                by = due.at if due else timezone.now()
                self.latest = canonical.instant(by + outsider.HASTE)
                kept += self._grow(rows, found, slice(done - first, until - first))
                if self.frontier.size < until:
                    raise Wrong(f"The entry at place {self.frontier.size} is missing.")
                if due and due.said.size == until:
                    chain.require_root(due.said, self.frontier.root())
                    self._passed(due.at)
                    due = next(signed, None)
            self._nodes(kept)
            self.progress(end - start, total - start)
        if due is not None:
            raise Wrong(
                f"A checkpoint was signed over {due.said.size:,} entries, and the log has "
                f"{total:,}: those from place {total} on are missing."
            )
        self._nothing_besides(total)
        self._no_other_nodes()
        witnesses.require_cosigned(self.key)
        waiting, compared = Waiting.objects.count(), chain.require_newest(self.key)
        return Verified(total - start, self.chain.passed, total, waiting, compared)

    def _passed(self, at: datetime) -> None:
        """Entries from here on are not older than the checkpoint that was passed."""
        self.not_before, self.earliest = at, canonical.instant(at - outsider.LATENESS)

    def _grow(
        self, rows: Sequence[placed.Row], found: recomputing.Recomputed, some: slice
    ) -> list[merkle.Kept]:
        """Takes in `some` of the rows, of which no checkpoint divides the places."""
        hashes, times = found.hashes[some], found.times[some]
        first, taken = self.frontier.size, rows[some]
        if (
            [row[:2] for row in taken] != list(zip(count(first), hashes, strict=False))
            or min(times, default=self.earliest) < self.earliest
            or max(times, default=self.latest) > self.latest
            or found.uncommitted
        ):
            for index, (place, row) in enumerate(
                zip(count(first), taken, strict=False), some.start
            ):
                self._require(place, row, found, index)
        return self.frontier.extend([each for each in hashes if each is not None])

    def _require(
        self, place: int, row: placed.Row, found: recomputing.Recomputed, index: int
    ) -> None:
        """Raises Wrong unless an entry is whole, and commits to the values beside it."""
        at_place, held, _, at, *_ = row
        if at_place != place:
            raise Wrong(f"The entry at place {place} is missing.")
        if found.hashes[index] is None:
            raise Wrong(f"{_name(row)} was changed: it cannot be read any more.")
        if found.hashes[index] != held:
            raise Wrong(f"{_name(row)} was changed after it was given its place.")
        if field := found.uncommitted.get(index):
            raise Wrong(
                f"{_name(row)} does not commit to the value kept as its {field}: the value was "
                "changed."
            )
        if found.times[index] < self.earliest:
            raise Wrong(
                f"{_name(row)} is dated {at:.19}, and was added after the checkpoint of "
                f"{self.not_before:%Y-%m-%d %H:%M:%S}: it is back-dated."
            )
        if found.times[index] > self.latest:
            raise Wrong(
                f"{_name(row)} is dated {at:.19}, later than when it was signed: it is dated ahead."
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

    def _no_other_nodes(self) -> None:
        """No node is stored but those that follow from entries: the sealer would run into it."""
        least = tree.size()  # the log may grow meanwhile
        stored = TreeNode.objects.order_by("height").values_list("height")
        for height, held, last in list(stored.annotate(Count("pk"), Max("index"))):
            most = tree.size() >> height if height and not height % merkle.STEP else 0
            if not (min(least >> height, most) <= held <= most and last == held - 1):
                raise Wrong(
                    f"{held:,} nodes of height {height} are stored, the last of them {last:,}, and "
                    f"{most:,} follow from the entries: one was inserted or deleted."
                )

    def _nothing_besides(self, total: int) -> None:
        """No entry stands outside of the log, unless it waits for its place."""
        if empty := SignedCheckpoint.objects.filter(size__lt=1).first():
            raise Wrong(f"A checkpoint of size {empty.size} was inserted: nothing is of that size.")
        placed_below = Leaf.objects.filter(place__lt=total).count()
        if placed_below != total:
            raise Wrong(f"The log has {placed_below} leaves for {total} places.")
        twice = Leaf.objects.values("entry").annotate(places=Count("place")).filter(places__gt=1)
        if replayed := twice.order_by("entry").first():
            raise Wrong(f"The entry number {replayed['entry']} was replayed: it has two places.")
        besides = Entry.objects.filter(leaf=None, unsequenced=None).order_by("pk").first()
        if besides is not None:
            raise Wrong(
                f"The entry number {besides.pk} was inserted past the log: it has no place."
            )
        _have_forms()
        is_entry = Exists(Entry.objects.filter(pk=OuterRef("pk"), leaf=None))
        spare = Waiting.objects.filter(~is_entry).order_by("pk").first()
        if spare is not None:
            raise Wrong(
                f"A place is waited for by the entry number {spare.pk}, which has one or is gone."
            )


def _have_forms() -> None:
    """Raises Wrong for an entry that waits and can get no place."""
    waiting = Entry.objects.exclude(unsequenced=None).order_by("pk")
    with closing(entry for entry in waiting.iterator()) as entries:
        for entry in entries:
            try:
                sequencing.leaf_of(entry)
            except sequencing.NO_FORM as error:
                raise Wrong(
                    f"The entry number {entry.pk}, which waits, gets no place: it has no canonical "
                    "form, so it was inserted past the log."
                ) from error


def _name(row: placed.Row) -> str:
    return f"The entry at place {row[0]} (number {row[2]})"
