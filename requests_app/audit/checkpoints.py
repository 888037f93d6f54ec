"""Signing what the log holds, for ever: each checkpoint must go on from the last one signed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from requests_app import conf
from requests_app.audit import (
    chain,
    kept_note,
    log_key,
    notes,
    outsider,
    sequencing,
    signed_last,
    tree,
)
from requests_app.audit.models import Entry, Leaf, SignedCheckpoint
from requests_app.errors import Conflict, Misconfigured


def latest() -> SignedCheckpoint | None:
    """Returns the checkpoint that was signed last."""
    return SignedCheckpoint.objects.first()


def latest_note() -> str:
    """Returns the note of the checkpoint that was signed last; empty before the first."""
    last = latest()
    return last.note if last else ""


def uncovered_since() -> datetime | None:
    """Returns the time of the oldest entry that no checkpoint covers; None when all are covered.

    It grows when entries get no place, and also when no checkpoint can be signed.
    """
    last = latest()
    leaf = Leaf.objects.filter(place__gte=last.size if last else 0).order_by("place")
    placed = leaf.values_list("entry__at", flat=True).first()
    return min(filter(None, (placed, sequencing.waiting_since())), default=None)


def keep_up() -> bool:
    """Whether no entry waits longer for a checkpoint than it may."""
    return sequencing.age(uncovered_since()) <= conf.log_lag().total_seconds()


def seal() -> SignedCheckpoint | None:
    """Gives waiting entries their places and signs the tree, if it grew; returns the checkpoint.

    The one call of the sealer: safe at any time, twice at once and to kill. Raises Misconfigured
    without a usable key, Conflict as `sign` does.
    """
    sequencing.sequence()
    last = latest()
    if tree.size() != (last.size if last else 0):
        return sign()
    return last


@transaction.atomic
def sign() -> SignedCheckpoint:
    """Signs a checkpoint of the tree as it is and keeps it.

    Raises Conflict, and signs nothing, when the tree does not begin with what the last checkpoint
    covers or with the note kept of it outside of the database, or the last one was signed by
    another key or under another origin: a log that signs two histories is worth nothing (C2SP
    tlog-checkpoint). Neither where the last one's date was changed: it would be signed with that.
    Raises Misconfigured without a usable key, and when the worker's clock is wrong.
    """
    sequencing.take_turn()
    key = log_key.load()
    public = notes.public_key(conf.log_origin(), key)
    last = signed_last.stored(public, latest())
    known = _opened(last, public) if last else None
    size = tree.size()
    now = outsider.Checkpoint(conf.log_origin(), size, tree.root(size))
    if last is not None and known is not None:
        _require_growth(known, now)
        if known.size == size:
            return last
    _require_right_clock()
    made_at = _after(last, known) if last and known else timezone.now()
    signed = int(made_at.timestamp())
    now = replace(now, signed=signed, after=known.digest if known else None)
    kept_note.keep(note := notes.sign(now, key))
    return SignedCheckpoint.objects.create(size=size, note=note, vkey=str(public), made_at=made_at)


def _require_right_clock() -> None:
    """Raises Misconfigured unless the database's clock, on another machine perhaps, says the same.

    What a clock that ran ahead has dated is signed for ever, and honest entries look back-dated.
    """
    if connection.vendor == "sqlite":  # has this machine's
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        (other,) = cursor.fetchone()
    if abs(timezone.now() - other) > outsider.HASTE:
        raise Misconfigured(
            "No checkpoint of the log was signed: the clocks of the worker and of the database "
            f"differ, it is {timezone.now():%Y-%m-%d %H:%M} or {other:%Y-%m-%d %H:%M}. Set the "
            "wrong one right."
        )


def _after(last: SignedCheckpoint, known: outsider.Checkpoint) -> datetime:
    """Returns now, but never before the one it follows, though the clock was set back.

    Only a date that is signed can be followed: of one from years to come, that somebody wrote into
    the row, the key would make a witness for ever, against each honest entry of those years.
    """
    now = timezone.now()
    try:
        chain.require_dated(last, known)
        if known.when is None and last.made_at > now + outsider.HASTE:
            raise outsider.Wrong(  # noqa: TRY301 - said like what the script finds
                f"The last one is dated {last.made_at:%Y-%m-%d %H:%M:%S}, which is yet to come."
            )
    except outsider.Wrong as error:
        raise _refused(error, last.size) from error
    return max(now, last.made_at)


def _opened(last: SignedCheckpoint, public: outsider.Key) -> outsider.Checkpoint:
    try:
        known = signed_last.opened(last.note, public)
        if known.size != last.size:
            raise outsider.Wrong(  # noqa: TRY301 - said like what the script finds
                f"The note of the last one has size {known.size}."
            )
    except outsider.Wrong as error:
        raise _refused(error, last.size) from error
    return known


def _require_growth(known: outsider.Checkpoint, now: outsider.Checkpoint) -> None:
    try:
        grown = now.size > known.size
        proof = tree.consistency(first=known.size, second=now.size) if grown else []
        outsider.require_growth(known, now, proof)
    except outsider.Wrong as error:
        raise _refused(error, known.size) from error


def _refused(error: outsider.Wrong, size: int) -> Conflict:
    return Conflict(
        f"No checkpoint of the log was signed: {error} The last one has size {size}. "
        "Run manage.py audit_verify, and keep the database as it is."
    )


@dataclass(frozen=True, slots=True)
class Receipt:
    """What lets anybody check one entry: its leaf, its place, the proof and the checkpoint."""

    index: int
    leaf: str
    proof: list[bytes]
    checkpoint: str


def receipt(entry_id: int) -> Receipt | None:
    """Returns the receipt of an entry; None while no checkpoint covers it."""
    place = tree.places([entry_id]).get(entry_id)
    last = latest()
    if place is None or last is None or place >= last.size:
        return None
    entry = Entry.objects.get(pk=entry_id)
    proof = tree.inclusion(index=place, size=last.size)
    return Receipt(place, sequencing.leaf_of(entry).decode(), proof, last.note)


def covered(entry_ids: Sequence[int]) -> set[int]:
    """Returns those of the entries of which `receipt` gives a receipt by now. Two queries."""
    last = latest()
    places = tree.places(entry_ids)
    return {pk for pk, place in places.items() if last is not None and place < last.size}
