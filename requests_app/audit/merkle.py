"""The Merkle tree of RFC 9162 section 2.1: growing it, its roots, and which nodes prove what.

Knows no storage: a tree is asked for the root of a perfect subtree (`Subtree`), and says which of
its nodes to keep (every `STEP`th height, so that n leaves cost n/255 nodes and a proof few reads).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from requests_app.audit.outsider import EMPTY_ROOT, leaf_hash, node_hash

__all__ = ["EMPTY_ROOT", "STEP", "Frontier", "Kept", "Subtree"]
__all__ += ["consistency", "inclusion", "leaf_hash", "node_hash", "range_root", "root"]

STEP: Final = 8

Subtree = Callable[[int, int], bytes]
"""(height, index) -> the root of the perfect subtree over leaves index * 2^height and on."""

Kept = tuple[int, int, bytes]
"""Height, index and hash of a node to keep."""


class Frontier:
    """The right edge of a tree: of each height at most one perfect subtree that has no sibling."""

    def __init__(self, size: int = 0, subtree: Subtree | None = None) -> None:
        self.size = size
        self._peaks: dict[int, bytes] = {}
        if size and subtree:
            self._peaks = {height: subtree(height, i) for height, i in _perfect(0, size)}

    def extend(self, leaves: Sequence[bytes]) -> list[Kept]:
        """Adds leaf hashes; returns the nodes that are complete with them and worth keeping."""
        kept: list[Kept] = []
        row, height, first = list(leaves), 0, self.size
        self.size += len(row)
        while row:
            if first & 1:
                row.insert(0, self._peaks.pop(height))
            if len(row) & 1:
                self._peaks[height] = row.pop()
            row = list(map(node_hash, row[::2], row[1::2]))
            height, first = height + 1, first >> 1
            if not height % STEP:
                kept += [(height, index, found) for index, found in enumerate(row, first)]
        return kept

    def root(self) -> bytes:
        """Returns the root of the whole tree; of no leaves it is the hash of nothing."""
        if not self._peaks:
            return EMPTY_ROOT
        lowest, *higher = sorted(self._peaks)
        found = self._peaks[lowest]
        for height in higher:
            found = node_hash(self._peaks[height], found)
        return found


def root(size: int, subtree: Subtree) -> bytes:
    """Returns the root of the tree's first `size` leaves."""
    return Frontier(size, subtree).root()


def inclusion(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """Returns the proof that leaf `index` is in the tree of `size` leaves, the lowest node first.

    Raises ValueError unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of size {size}")
    return [range_root(*each, subtree) for each in _inclusion(index, 0, size)]


def consistency(first: int, second: int, subtree: Subtree) -> list[bytes]:
    """Returns the proof that the tree of `second` leaves begins with that of `first`.

    Raises ValueError unless 0 < first <= second.
    """
    if not 0 < first <= second:
        raise ValueError(f"a tree of size {second} cannot go on from one of size {first}")
    return [range_root(*each, subtree) for each in _consistency(first, 0, second, whole=True)]


def range_root(start: int, end: int, subtree: Subtree) -> bytes:
    """Returns MTH(D[start:end]) for a range that is a node of some tree."""
    peaks = [subtree(height, index) for height, index in _perfect(start, end)]
    found = peaks.pop()
    while peaks:
        found = node_hash(peaks.pop(), found)
    return found


def _perfect(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The perfect subtrees, as height and index, that a node's range falls into."""
    while start < end:
        height = (end - start).bit_length() - 1
        yield height, start >> height
        start += 1 << height


def _split(start: int, end: int) -> int:
    """Where a range is halved: after the largest power of two smaller than its length."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def _inclusion(index: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    if end - start == 1:
        return
    middle = _split(start, end)
    if index < middle:
        yield from _inclusion(index, start, middle)
        yield middle, end
    else:
        yield from _inclusion(index, middle, end)
        yield start, middle


def _consistency(first: int, start: int, end: int, *, whole: bool) -> Iterator[tuple[int, int]]:
    """SUBPROOF of RFC 9162; `whole` while the range is the beginning of the first tree."""
    if first == end:
        if not whole:
            yield start, end
        return
    middle = _split(start, end)
    if first <= middle:
        yield from _consistency(first, start, middle, whole=whole)
        yield middle, end
    else:
        yield from _consistency(first, middle, end, whole=False)
        yield start, middle
