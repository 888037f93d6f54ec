"""Erasing personal values from the log. The entries and their hashes stay as they are.

It reaches the table of personal values and no other: an entry holds a salted commitment to each
value, and with the salt gone nobody can tell what it was (GDPR art. 17, recital 26).
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from requests_app.audit import kinds, log
from requests_app.audit.canonical import BLINDING
from requests_app.audit.models import Entry, PersonalValue
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
    count = _delete(overdue.order_by("pk").values_list("pk", flat=True)[:BATCH])
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


@dataclass(frozen=True, slots=True)
class Person:
    """Whom to erase: the references, addresses and names that the log knows them by.

    As `signed` they were invited to sign somebody's agreement; of `kept`, which are some of these,
    the words and the typed name stay with the agreement.
    """

    audit_ref: str
    addresses: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    signed: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()


def addresses_of(who: log.Audited) -> set[str]:
    """Returns every address that entries about them tell of, also those of long ago."""
    told = PersonalValue.objects.filter(field="email", entry__subject=who.audit_ref)
    return {str(value) for value in told.values_list("value", flat=True)}


def erase_about(
    *,
    person: Person,
    trails: Collection[str],
    retained: Mapping[str, str],
    by: log.Audited,
    reason: str = "",
) -> int:
    """Erases what the log knows of a person; returns how many values that were.

    That is: where they acted from, and what entries about them or in `trails` (the `audit_trail`
    of each request of theirs) say; wherever it stands, their address, and what staff typed who
    searched for them. Of the trails in `retained` the words and the typed name stay, because the
    agreement they belong to must be kept: it says why, in a sentence without names. Part of a verb
    that has asked who may; effects: one entry that names the person's reference, what was retained
    and why.
    """
    free = person.signed - person.kept
    theirs = Q(entry__subject__in={person.audit_ref, *free}) | Q(entry__actor__in=free)
    theirs |= Q(entry__trail__in=set(trails) - set(retained))
    contacts = Q(field__in=fields_of(Retention.CONTACT), entry__trail__in=retained)
    network = Q(field__in=fields_of(Retention.NETWORK))
    # Who signs up or mistypes a password is nobody yet, and most likely the person.
    of_theirs = _with_address(person.addresses)
    tells_of_them = PersonalValue.objects.filter(pk__in=of_theirs).values("entry")
    about_them = Q(entry__subject=person.audit_ref) | Q(entry__in=tells_of_them)
    unknown = Q(entry__actor=log.ANYONE.audit_ref) & about_them
    # What the portal did because they signed or asked was entered from where they did that.
    caused = Q(entry__actor=log.SYSTEM.audit_ref, entry__trail__in=trails)
    acted = network & (Q(entry__actor__in={person.audit_ref, *person.signed}) | unknown | caused)
    # Set for their grant, by whomever.
    networks = Q(field__in=("before", "after"), entry__trail__in=trails)
    named = Q(pk__in=[*of_theirs, *_searches_for(person)])
    wanted = (theirs & ~network) | contacts | acted | networks | named
    count = _delete(PersonalValue.objects.filter(wanted).values_list("pk", flat=True))
    log.record(
        kinds.PERSONAL_VALUES_ERASED,
        by=by,
        on=person,
        what="person",
        count=count,
        kept=dict(retained),
        reason=reason,
    )
    return count


def _with_address(addresses: Collection[str]) -> list[int]:
    """The values that are one of the addresses, in whatever case and with whatever plus-tag."""
    found: list[int] = []
    for local, _, host in {mailbox(each).rpartition("@") for each in addresses}:
        spelt = Q(value__icontains=local) | Q(value__icontains=json.dumps(local)[1:-1])
        held = PersonalValue.objects.filter(spelt, field__in=("email", "recipient"))
        same = f"{local}@{host}"
        found += [pk for pk, value in held.values_list("pk", "value") if mailbox(value) == same]
    return found


def mailbox(address: str) -> str:
    """The address as all of one mailbox are alike: in lower case, without what follows a plus."""
    local, at, host = address.casefold().rpartition("@")
    return f"{local.split('+', 1)[0] or local}{at}{host}"


def _searches_for(person: Person) -> list[int]:
    """What staff typed into a search that names the person, or one word of their name."""
    whole = {each.casefold() for each in person.addresses | person.names}
    whole |= {mailbox(each) for each in person.addresses}
    words = {
        word for each in whole for word in (*each.split(), each.split("@")[0]) if len(word) > 2
    }
    found = []
    typed = PersonalValue.objects.filter(field="query").values_list("pk", "value")
    for pk, query in typed.iterator():
        for _, text in parse_qsl(str(query)):
            term = " ".join(text.casefold().split())
            if {term.strip("@"), mailbox(term)} & (words | whole) or any(
                each in term for each in whole
            ):
                found.append(pk)
                break
    return found


def missing_unexplained() -> int:
    """Returns how many personal values are gone that no entry says were erased.

    That is the commitments of all entries whose value is not beside them, less the `count` of every
    erasure; a value that was put elsewhere makes up for none. 0 for a log whose values went
    lawfully; above it somebody deleted them by hand, below it an entry claims more than is gone.
    One statement, so that it may run beside writers.
    """
    keys, number = {
        "sqlite": ("json_each(commitments)", "details ->> 'count'"),
        "postgresql": ("jsonb_each(commitments)", "(details ->> 'count')::bigint"),
    }[connection.vendor]
    entries, values = Entry._meta.db_table, PersonalValue._meta.db_table  # noqa: SLF001 - public
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT (SELECT count(*) FROM {entries}, {keys} AS committed"  # noqa: S608 - names of our schema
            f" WHERE committed.key <> %s AND NOT EXISTS (SELECT 1 FROM {values} AS kept"
            f" WHERE kept.entry_id = {entries}.id AND kept.field = committed.key))"
            f" - (SELECT coalesce(sum({number}), 0) FROM {entries} WHERE kind = %s)",
            [BLINDING, kinds.PERSONAL_VALUES_ERASED],
        )
        return int(cursor.fetchone()[0])


def _delete(values: Iterable[int]) -> int:
    """Deletes values by key; returns how many were there: another run may have been first."""
    keys = list(values)
    return sum(
        PersonalValue.objects.filter(pk__in=keys[start : start + BATCH]).delete()[0]
        for start in range(0, len(keys), BATCH)
    )
