"""Erasing personal values from the log. The entries and their hashes stay as they are.

It reaches the table of personal values and no other: an entry holds a salted commitment to each
value, and with the salt gone nobody can tell what it was (GDPR art. 17, recital 26).
"""

from collections.abc import Collection, Mapping
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from requests_app.audit import kinds, log
from requests_app.audit.models import PersonalValue
from requests_app.audit.retention import Retention, fields_of, kept_since

BATCH: Final = 2_000
"""Values erased in one transaction, so that a long-neglected log is not locked for minutes."""


def erase_overdue() -> dict[str, int]:
    """Erases every value that is older than its kind may become; returns how many of each kind.

    Effects: one entry for each batch, in the transaction that erases it. Safe to run at any time,
    also twice at once, and safe to kill.
    """
    now = timezone.now()
    return {
        what.value: _erase_before(what, kept_since(what, now).isoformat()) for what in Retention
    }


def _erase_before(what: Retention, before: str) -> int:
    erased = 0
    while count := _erase_batch(what, before):
        erased += count
    return erased


@transaction.atomic
def _erase_batch(what: Retention, before: str) -> int:
    overdue = PersonalValue.objects.filter(field__in=fields_of(what), entry__at__lt=before)
    count = _delete(overdue.order_by("pk")[:BATCH])
    if count:
        log.record(
            kinds.PERSONAL_VALUES_ERASED,
            by=log.SYSTEM,
            on=log.Named("log"),
            what=what.value,
            before=before,
            count=count,
        )
    return count


def erase_about(
    *, person: log.Audited, trails: Collection[str], retained: Mapping[str, str], by: log.Audited
) -> int:
    """Erases what the log knows of a person; returns how many values that were.

    That is: where they acted from, and what entries about them or in `trails` (the `audit_trail`
    of each request of theirs) say. Of the trails in `retained` the words and the typed name stay,
    because the agreement they belong to must be kept: it says why, in a sentence without names.
    Part of a verb that has asked who may; effects: one entry that names the person's reference,
    what was retained and why.
    """
    theirs = Q(entry__subject=person.audit_ref) | Q(entry__trail__in=set(trails) - set(retained))
    contacts = Q(field__in=fields_of(Retention.CONTACT), entry__trail__in=retained)
    network = Q(field__in=fields_of(Retention.NETWORK))
    # Who signs up or mistypes a password is nobody yet, and most likely the person.
    unknown = Q(entry__subject=person.audit_ref, entry__actor=log.ANYONE.audit_ref)
    acted = network & (Q(entry__actor=person.audit_ref) | unknown)
    count = _delete(PersonalValue.objects.filter((theirs & ~network) | contacts | acted))
    log.record(
        kinds.PERSONAL_VALUES_ERASED,
        by=by,
        on=person,
        what="person",
        count=count,
        kept=dict(retained),
    )
    return count


def _delete(values: QuerySet[PersonalValue]) -> int:
    """By key, since a query with a limit or a join cannot be deleted as it stands."""
    found = list(values.values_list("pk", flat=True))
    PersonalValue.objects.filter(pk__in=found).delete()
    return len(found)
