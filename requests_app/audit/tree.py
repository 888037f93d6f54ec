"""The stored tree: leaves, every eighth height of nodes, and the proofs that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db.models import Max

from requests_app.audit import merkle
from requests_app.audit.models import Leaf, TreeNode
from requests_app.errors import Invalid, NotFound

AT_ONCE: Final = 5_000
"""Values in one query: PostgreSQL takes 65,535."""


def size() -> int:
    """Returns how many entries have a place. One look at an index."""
    last = Leaf.objects.aggregate(last=Max("place"))["last"]
    return 0 if last is None else int(last) + 1


@dataclass
class StoredTree:
    """Reads roots of perfect subtrees; each row at most once, so a proof costs a few queries."""

    _read: dict[tuple[int, int], list[bytes]] = field(default_factory=dict)

    def __call__(self, height: int, index: int) -> bytes:
        """Returns the root of the perfect subtree. Raises NotFound when it is not complete."""
        stored, above = height - height % merkle.STEP, height % merkle.STEP
        first = index << above
        group, start = first >> merkle.STEP, first % (1 << merkle.STEP)
        row = self._rows(stored, group)[start : start + (1 << above)]
        if len(row) != 1 << above:
            raise NotFound("The tree of the log is not complete there.")
        while len(row) > 1:
            row = [
                merkle.node_hash(left, right)
                for left, right in zip(row[::2], row[1::2], strict=True)
            ]
        return row[0]

    def _rows(self, height: int, group: int) -> list[bytes]:
        """The up to 256 hashes of one height that stand below one stored node."""
        if (height, group) not in self._read:
            span = (group << merkle.STEP, ((group + 1) << merkle.STEP) - 1)
            if height:
                nodes = TreeNode.objects.filter(height=height, index__range=span)
                found = list(nodes.order_by("index").values_list("hash", flat=True))
            else:
                leaves = Leaf.objects.filter(place__range=span)
                found = list(leaves.order_by("place").values_list("hash", flat=True))
            self._read[height, group] = [bytes(each) for each in found]
        return self._read[height, group]


def root(size: int) -> bytes:
    """Returns the root of the first `size` entries."""
    return merkle.root(size, StoredTree())


def inclusion(*, index: int, size: int) -> list[bytes]:
    """Returns the proof that entry `index` is in the log of `size`. Raises Invalid."""
    _within(size)
    if not 0 <= index < size:
        raise Invalid(f"index must be from 0 to {size - 1}, below the size.")
    return merkle.inclusion(index, size, StoredTree())


def consistency(*, first: int, second: int) -> list[bytes]:
    """Returns the proof that the log of size `second` begins with that of `first`. Or Invalid."""
    _within(second)
    if not 0 < first <= second:
        raise Invalid("first must be at least 1 and not larger than second.")
    return merkle.consistency(first, second, StoredTree())


def _within(asked: int) -> None:
    now = size()
    if not 0 < asked <= now:
        raise Invalid(f"The log has {now} entries now: ask for a size from 1 to that.")


def places(entries: Sequence[int]) -> dict[int, int]:
    """Returns the place of each of these entries (by id) that has one; one query for thousands."""
    found: dict[int, int] = {}
    for start in range(0, len(entries), AT_ONCE):
        some = Leaf.objects.filter(entry__in=entries[start : start + AT_ONCE])
        found.update(some.values_list("entry_id", "place"))
    return found
