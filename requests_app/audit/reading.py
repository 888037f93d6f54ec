"""Reading the audit log: for rooms that must know what happened, and faces that show it."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from requests_app.audit.log import Audited
from requests_app.audit.models import Entry, Leaf


def last_at(kinds: Collection[str], *, on: Audited) -> datetime | None:
    """Returns when something of `kinds` last happened to `on`; None if it never did."""
    found = Entry.objects.filter(kind__in=kinds, subject=on.audit_ref)
    return found.order_by("-pk").values_list("at", flat=True).first()


def story(trail: str) -> QuerySet[Entry]:
    """Returns the entries filed under one request (its `audit_trail`), oldest first."""
    entries = Entry.objects.filter(trail=trail).prefetch_related("personal_values")
    return entries.order_by("pk")


def page_asked_for(text: str | None) -> int:
    """The page of a story that an address asks for, counted from 1; the first for anything else."""
    told = text or ""
    is_number = told.isascii() and told.isdigit() and len(told) <= 6
    return max(1, int(told)) if is_number else 1


def at_place(place: int) -> Leaf | None:
    """Returns the leaf at a place, with its entry; None where the log has none."""
    return Leaf.objects.select_related("entry").filter(place=place).first()
