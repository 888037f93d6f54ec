"""The stored checkpoints, each held to the one before it: none missing, none dated at will.

A note says when it was signed and which note it follows, so that neither a row's time nor a row
can be changed or taken away by anybody without the key. Notes that say neither are older than
that, and stand before all others.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from requests_app.audit import outsider, sequencing, signed_last
from requests_app.audit.models import SignedCheckpoint
from requests_app.audit.outsider import Wrong


@dataclass(frozen=True, slots=True)
class Dated:
    """What a stored checkpoint says, and when it was signed."""

    said: outsider.Checkpoint
    at: datetime


class Chain:
    """Takes stored checkpoints in the order of their sizes; `passed` counts them."""

    def __init__(self, key: outsider.Key) -> None:
        self.key = key
        self.passed = 0
        self._last: outsider.Checkpoint | None = None
        self._at: datetime | None = None

    def begin(self, trusted: outsider.Checkpoint) -> datetime:
        """Goes on from a checkpoint that somebody kept, and returns when it was signed.

        Raises Wrong if it is not stored.
        """
        name = f"The checkpoint of size {trusted.size:,}, which you trust,"
        row = SignedCheckpoint.objects.filter(size=trusted.size).first()
        if row is None:
            raise Wrong(f"{name} is not stored any more: it was deleted.")
        if outsider.open_note(row.note, self.key) != trusted:
            raise Wrong(f"{name} is not the one that is stored.")
        self._last, self._at = trusted, trusted.when or row.made_at
        return self._at

    def next(self, row: SignedCheckpoint) -> Dated:
        """Returns what the next one says. Raises Wrong unless the key signed it, after the last."""
        name = f"The checkpoint of size {row.size:,}"
        if row.vkey != str(self.key):
            raise Wrong(f"{name} names another key: the log's key was swapped.")
        try:
            said = outsider.open_note(row.note, self.key)
        except Wrong as error:
            raise Wrong(f"{name} does not hold: {error}") from error
        if said.size != row.size:
            raise Wrong(f"{name} was changed: its note has size {said.size:,}.")
        self._require_follows(said, name)
        require_dated(row, said)
        if self._at and row.made_at < self._at.replace(microsecond=0):
            raise Wrong(f"{name} is dated before the one it follows.")
        self._last, self._at = said, row.made_at
        self.passed += 1
        return Dated(said, row.made_at)

    def _require_follows(self, said: outsider.Checkpoint, name: str) -> None:
        last = self._last
        if said.signed is None:
            if last is not None and last.signed is not None:
                raise Wrong(f"{name} does not say when it was signed, as the one before it does.")
            return
        if said.after == (last.digest if last else None):
            return
        raise Wrong(
            f"{name} does not follow the one of size {last.size:,}: one between them was deleted."
            if last
            else f"{name} is not the first that was signed: those before it were deleted."
        )


def require_dated(row: SignedCheckpoint, said: outsider.Checkpoint) -> None:
    """Raises Wrong if a row is dated otherwise than its note says; older notes do not say."""
    if said.signed is not None and said.signed != int(row.made_at.timestamp()):
        raise Wrong(
            f"The checkpoint of size {row.size:,} is dated {row.made_at:%Y-%m-%d %H:%M:%S}, and "
            f"was signed on {said.when:%Y-%m-%d %H:%M:%S}: its date was changed."
        )


def require_root(said: outsider.Checkpoint, root: bytes) -> None:
    """Raises Wrong unless a checkpoint is of this root."""
    if said.root != root:
        raise Wrong(
            f"The checkpoint of size {said.size:,} was signed over other entries than the log has: "
            f"one at or before place {said.size - 1} was changed, and its leaf with it."
        )


@transaction.atomic
def require_newest(key: outsider.Key) -> bool:
    """Whether the note kept here is that of the newest checkpoint. Raises Wrong if it is missing.

    Nothing else tells that the newest checkpoints were deleted, but one that somebody kept.
    """
    sequencing.take_turn()  # the sealer keeps a note before it stores it
    try:
        return signed_last.is_newest(key)
    except Wrong as error:
        raise Wrong(f"What was signed last is not what is stored. {error}") from error
    except (OSError, UnicodeDecodeError):
        return False
