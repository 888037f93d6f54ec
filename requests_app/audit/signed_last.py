"""The checkpoint signed last, where the database and the note kept outside of it must agree.

A kill between keeping a note and storing it leaves a note that the database lacks; so does a
database that was deleted, restored from a backup, or had its newest checkpoint taken away.
"""

import logging
from datetime import datetime
from typing import Final

from requests_app.audit import kept_note, outsider, tree
from requests_app.audit.models import SignedCheckpoint
from requests_app.audit.outsider import Wrong
from requests_app.errors import Conflict, Misconfigured

logger = logging.getLogger(__name__)

_BEGIN_ANEW: Final = (
    "This database holds no checkpoint at all: restore the one that belongs to the log's key. If "
    "that is gone for good and nobody needs its log, as on a machine for trying out, `make clean` "
    "removes key, note and all; or move the key and the note away, both together, so that another "
    "key signs the new log, in production under another CMED_LOG_ORIGIN."
)


def stored(public: outsider.Key, last: SignedCheckpoint | None) -> SignedCheckpoint | None:
    """Returns the checkpoint to go on from: `last`, which is the newest stored, or the kept one.

    A kept note that follows `last`, and whose entries the log has, is stored. Raises Conflict for
    one that was neither stored nor follows: this key must not sign a second history.
    """
    try:
        note = kept_note.read()
        if not note:
            return last
        kept = opened(note, public)
        same = SignedCheckpoint.objects.filter(size=kept.size).first()
        if same is not None:
            _require_same(same, kept, public)
            return last
        made_at = _require_next(kept, last, public)
    except Wrong as error:
        raise Conflict(_told(error, last)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"No checkpoint of the log was signed: {kept_note.file()} cannot be read ({error}). "
            "Make it readable and writable for the worker."
        ) from error
    logger.warning("the checkpoint of size %s was signed and not stored: it is now", kept.size)
    return SignedCheckpoint.objects.create(
        size=kept.size, note=note, vkey=str(public), made_at=made_at
    )


def opened(note: str, public: outsider.Key) -> outsider.Checkpoint:
    """Returns what a note says. Raises Wrong unless it is of this log and signed by its key."""
    name = note.partition("\n")[0]
    if name != public.name:
        raise Wrong(
            f"The last one is of the log {name[:200]}, and CMED_LOG_ORIGIN says {public.name}: "
            "set it back."
        )
    return outsider.open_note(note, public)


def is_newest(public: outsider.Key) -> bool:
    """Whether a note is kept, and it is that of the newest stored checkpoint.

    Raises Wrong for a note whose checkpoint is not stored; OSError and UnicodeDecodeError where it
    cannot be read.
    """
    if not (note := kept_note.read()):
        return False
    kept = outsider.open_note(note, public)
    newest = SignedCheckpoint.objects.first()
    same = SignedCheckpoint.objects.filter(size=kept.size).first()
    if same is None or newest is None:
        raise Wrong(
            f"The checkpoint of size {kept.size:,}, signed last and kept in {kept_note.file()}, is "
            "not stored: it was deleted, or the database is older than it. Only when the worker "
            "was killed just then does its next run store it."
        )
    _require_same(same, kept, public)
    return newest.size == kept.size


def begins_anew() -> str:
    """Returns what to do with a database that has no checkpoint where the key signed some.

    Empty where no note says that it did.
    """
    try:
        kept = kept_note.read()
    except (OSError, UnicodeDecodeError):
        return ""
    return f"The log's key signed some, as {kept_note.file()} tells. {_BEGIN_ANEW}" if kept else ""


def _require_same(same: SignedCheckpoint, kept: outsider.Checkpoint, public: outsider.Key) -> None:
    if outsider.open_note(same.note, public) != kept:
        raise Wrong(f"Of size {kept.size:,} another checkpoint is stored than was signed.")


def _require_next(
    kept: outsider.Checkpoint, last: SignedCheckpoint | None, public: outsider.Key
) -> datetime:
    """Returns when the kept one was signed."""
    if kept.size > (size := tree.size()):
        raise Wrong(f"The log has shrunk: it had {kept.size:,} entries, and has {size:,}.")
    if kept.size and tree.root(kept.size) != kept.root:
        raise Wrong(f"The log's first {kept.size:,} entries are not those that were signed.")
    before = outsider.open_note(last.note, public).digest if last else None
    if kept.when is None or kept.after != before or (last and kept.size < last.size):
        raise Wrong(f"The checkpoint of size {kept.size:,}, or the one before it, was deleted.")
    return kept.when


def _told(error: Wrong, last: SignedCheckpoint | None) -> str:
    return (
        f"No checkpoint of the log was signed: {error} The log's key signed more than the database "
        f"holds, as {kept_note.file()} tells. "
        + (
            "Restore a database that holds it, and keep this one for whoever asks why."
            if last
            else _BEGIN_ANEW
        )
    )
