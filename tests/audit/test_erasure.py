"""Erasing personal values by what they are and how old they are; entries stay as they were."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from requests_app.audit import erasure, kinds, log
from requests_app.audit.kinds import KINDS
from requests_app.audit.models import Entry, PersonalValue
from requests_app.audit.origin import Origin, acting_from
from requests_app.audit.retention import FIELDS, Retention

pytestmark = pytest.mark.django_db

# One kind of entry that carries a value of each retention.
CARRIERS = {
    Retention.NETWORK: ("ip", kinds.SIGNED_IN, {"method": "password"}),
    Retention.CONTACT: ("recipient", kinds.MESSAGE_SENT, {"name": "x", "recipient": "a@b.example"}),
    Retention.WORDS: ("reason", kinds.REQUEST_WITHDRAWN, {"reason": "I moved on."}),
    Retention.AGREEMENT: ("typed_name", kinds.AGREEMENT_SIGNED, {"typed_name": "Ada Larus"}),
}


def an_entry(what: Retention, *, days_ago: float) -> Entry:
    _, kind, details = CARRIERS[what]
    source = Origin(ip="192.0.2.7") if what is Retention.NETWORK else Origin()
    with time_machine.travel(timezone.now() - timedelta(days=days_ago)), acting_from(source):
        return log.record(kind, by=log.Named("user:7"), on=log.Named("user:7"), **details)


def left() -> set[tuple[int, str]]:
    return set(PersonalValue.objects.values_list("entry_id", "field"))


def test_every_personal_field_has_a_retention():
    declared = {field for fields in KINDS.values() for field in fields.personal}
    assert declared == FIELDS.keys()


@pytest.mark.parametrize("what", Retention)
def test_a_value_goes_when_it_is_older_than_its_kind_is_kept(settings, what):
    for each in Retention:
        setattr(settings, f"RETAIN_{each.upper()}_DAYS", 20 if each is what else 400)
    before = [an_entry(each, days_ago=21) for each in Retention]
    an_entry(what, days_ago=19)
    whole = list(Entry.objects.order_by("pk").values())

    assert erasure.erase_overdue() == {each.value: int(each is what) for each in Retention}

    field = CARRIERS[what][0]
    old = before[list(Retention).index(what)]
    assert (old.pk, field) not in left()
    assert len(left()) == len(Retention)
    assert list(Entry.objects.order_by("pk").values())[:-1] == whole
    entry = Entry.objects.latest("pk")
    assert entry.kind == kinds.PERSONAL_VALUES_ERASED
    assert (entry.details["what"], entry.details["count"]) == (what.value, 1)


def test_a_long_neglected_log_is_erased_in_batches_each_with_its_entry(settings, monkeypatch):
    settings.RETAIN_NETWORK_DAYS = 1
    monkeypatch.setattr(erasure, "BATCH", 2)
    for _ in range(5):
        an_entry(Retention.NETWORK, days_ago=2)
    assert erasure.erase_overdue()["network"] == 5
    erased = Entry.objects.filter(kind=kinds.PERSONAL_VALUES_ERASED).order_by("pk")
    assert [entry.details["count"] for entry in erased] == [2, 2, 1]


def test_nothing_overdue_leaves_no_entry():
    an_entry(Retention.NETWORK, days_ago=0)
    assert not any(erasure.erase_overdue().values())
    assert Entry.objects.count() == 1


def test_values_that_went_without_an_entry_are_counted(settings, monkeypatch):
    settings.RETAIN_NETWORK_DAYS = 1
    monkeypatch.setattr(erasure, "BATCH", 2)
    for _ in range(5):
        an_entry(Retention.NETWORK, days_ago=2)
    an_entry(Retention.WORDS, days_ago=2)
    assert erasure.missing_unexplained() == 0
    erasure.erase_overdue()
    assert erasure.missing_unexplained() == 0
    PersonalValue.objects.get(field="reason").delete()
    assert erasure.missing_unexplained() == 1
    log.record(kinds.PERSONAL_VALUES_ERASED, by=log.OPERATOR, on=log.Named("log"), count=3)
    assert erasure.missing_unexplained() == -2  # an entry claims more than is gone


def test_what_another_run_has_erased_is_not_counted_twice():
    an_entry(Retention.WORDS, days_ago=0)
    found = list(PersonalValue.objects.values_list("pk", flat=True))
    assert [erasure._delete(found) for _ in range(2)] == [1, 0]
