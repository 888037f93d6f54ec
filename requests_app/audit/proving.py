"""Proving many entries against one checkpoint, in bounded memory: for exports."""

import base64
from collections.abc import Sequence
from functools import cache
from typing import Any

from requests_app.audit import checkpoints, merkle, tree
from requests_app.audit.models import Entry, Leaf


class Proofs:
    """The proofs of entries against the checkpoint that was the latest when this was made.

    `note` is that checkpoint, None before the first.
    """

    def __init__(self) -> None:
        last = checkpoints.latest()
        self.note = last.note if last else None
        self._size = last.size if last else 0

    def of(self, entries: Sequence[Entry]) -> dict[int, dict[str, Any]]:
        """Returns the proof of each entry, by id, that the checkpoint covers; hashes in Base64.

        What it reads of the tree is shared among `entries` and forgotten with the call: give it
        some hundreds at once, in the order of the log.
        """
        leaves = Leaf.objects.filter(entry__in=[entry.pk for entry in entries])
        covered = leaves.filter(place__lt=self._size).values_list("entry_id", "place", "hash")
        nodes = cache(tree.StoredTree())
        return {
            entry: {
                "index": place,
                "leaf_hash": _encoded(bytes(leaf)),
                "inclusion": [
                    _encoded(each) for each in merkle.inclusion(place, self._size, nodes)
                ],
            }
            for entry, place, leaf in covered
        }


def _encoded(found: bytes) -> str:
    return base64.b64encode(found).decode()
