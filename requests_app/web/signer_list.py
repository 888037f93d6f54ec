"""Who signs an agreement besides the applicant, where each of them stands: rows of a page."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils import timezone

from requests_app.agreements.inviting import REMIND_AFTER
from requests_app.agreements.models import Agreement
from requests_app.agreements.outstanding import Outcome, outcome, signatories_of
from requests_app.agreements.signatories import Signatory

_BADGES: Final[dict[Outcome, tuple[str, str]]] = {
    Outcome.SIGNED: ("good", "Signed"),
    Outcome.WAITING: ("warn", "Has yet to sign"),
    Outcome.DECLINED: ("bad", "Does not sign"),
    Outcome.REMOVED: ("", "Removed"),
}


@dataclass(frozen=True, slots=True)
class Signer:
    """One row: the person, their badge, what happened, and what the applicant may do.

    `told` are pairs of words and an instant; `expired` says that the newest invitation is over.
    """

    signatory: Signatory
    outcome: Outcome
    tone: str
    label: str
    told: tuple[tuple[str, datetime], ...]
    reason: str
    expired: bool
    may_remind: bool
    may_remove: bool


def signers(agreement: Agreement) -> list[Signer]:
    """Returns the rows of an agreement, in the order of the request. Three queries."""
    now = timezone.now()
    return [_signer(each, now) for each in signatories_of(agreement)]


def waited_for(rows: Iterable[Signer]) -> int:
    """Returns how many have yet to sign or are still to be removed."""
    return sum(row.outcome in {Outcome.WAITING, Outcome.DECLINED} for row in rows)


def _signer(signatory: Signatory, now: datetime) -> Signer:
    found = outcome(signatory)
    tone, label = _BADGES[found]
    newest = next(iter(signatory.invitations.all()), None)
    waits = found is Outcome.WAITING
    exits = list(signatory.exits.all())
    blocking = waits or found is Outcome.DECLINED
    return Signer(
        signatory=signatory,
        outcome=found,
        tone=tone,
        label=label,
        told=tuple(_told(signatory, found)),
        reason=next((each.reason for each in reversed(exits) if each.reason), ""),
        expired=waits and newest is not None and newest.expires_at <= now,
        may_remind=waits and _may_remind(newest.created_at if newest else None, now),
        may_remove=blocking and signatory.role == Signatory.Role.MEMBER,
    )


def _may_remind(invited_at: datetime | None, now: datetime) -> bool:
    return invited_at is None or now - invited_at >= REMIND_AFTER


def _told(signatory: Signatory, found: Outcome) -> Iterable[tuple[str, datetime]]:
    invitations = list(signatory.invitations.all())
    if invitations:
        yield "Invited", invitations[-1].created_at
    if len(invitations) > 1:
        yield "last reminded", invitations[0].created_at
    if found is Outcome.SIGNED:
        yield "signed", signatory.cosignature.signed_at
    for left in signatory.exits.all():
        yield left.get_kind_display(), left.at
