"""Rows written as one JSON text are what `bulk_create` would have written."""

from datetime import UTC, datetime

import pytest
from django.db import DataError, transaction

from requests_app.distribution.transfers import Outcome, Transfer
from requests_app.inserting import insert
from tests.factories.distribution import make_access_token, make_link
from tests.factories.transfers import make_transfer

pytestmark = pytest.mark.django_db

ODD = ['qu"o\\te', "'); DROP", "{,}", "\u4e2d\u6587 \u0639", "\n\t", "", "\U0001f600"]


def unsaved():
    """Transfers of both kinds with odd texts, instants to the microsecond and empty fields."""
    made = [make_transfer(make_link()[0]), make_transfer(make_access_token()[0])]
    for number, (name, row) in enumerate([(name, row) for name in ODD for row in made]):
        changed = Transfer(**{f.attname: getattr(row, f.attname) for f in Transfer._meta.fields})
        changed.pk = Transfer._meta.pk.get_default()
        changed.name, changed.user_agent, changed.promised = name, name, 2**53 + number
        changed.started_at = datetime(2026, 3, 4, 5, 6, 7, number, tzinfo=UTC)
        changed.seen_at = changed.started_at
        yield changed


def test_they_come_out_as_they_went_in(django_assert_num_queries):
    rows = list(unsaved())
    with django_assert_num_queries(1):
        insert(rows)
    fields = [field.attname for field in Transfer._meta.fields]
    for row in rows:
        kept = Transfer.objects.get(pk=row.pk)
        assert [getattr(kept, name) for name in fields] == [getattr(row, name) for name in fields]


def test_all_or_none():
    rows = list(unsaved())
    rows[3].name = "x" * 301
    rows[4].outcome = Outcome.COMPLETE  # and no end: the table refuses it
    before = Transfer.objects.count()
    with pytest.raises(Exception, match=r"(?i)too long|constraint"), transaction.atomic():
        insert(rows)
    assert Transfer.objects.count() == before


def test_what_postgresql_cannot_keep_is_a_data_error():
    rows = list(unsaved())[:1]
    rows[0].name = "a\0b"
    try:
        with transaction.atomic():
            insert(rows)
    except DataError:
        assert not Transfer.objects.filter(pk=rows[0].pk).exists()
