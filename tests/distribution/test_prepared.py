"""A prepared query says what its queryset says, for every value and on every thread."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import NotSupportedError, connection, transaction
from django.db.models import CharField, DateTimeField, UUIDField
from django.utils import timezone

from requests_app.datasets.models import File
from requests_app.distribution.models import DownloadLink
from requests_app.distribution.prepared import Prepared
from tests.factories.distribution import make_link, make_release
from tests.factories.requests import DatasetFactory

pytestmark = pytest.mark.django_db


def later_links(pk, now):
    rows = DownloadLink.objects.filter(pk=pk, expires_at__gt=now - timedelta(hours=1))
    return rows.select_related("grant__dataset").order_by()


def test_it_finds_what_its_queryset_finds_with_what_is_related(django_assert_num_queries):
    asked = Prepared(later_links, pk=UUIDField(), now=DateTimeField())
    links = [make_link()[0] for _ in range(3)]
    for link in links:
        for now in (link.expires_at, link.expires_at + timedelta(hours=1)):
            expected = later_links(link.pk, now).first()
            with django_assert_num_queries(1):
                found = next(iter(asked.all(pk=link.pk, now=now)), None)
                assert found == expected
                assert found is None or found.grant.dataset.slug
            assert found is None or found.__dict__.keys() == expected.__dict__.keys()


@pytest.mark.django_db(transaction=True)
def test_all_threads_ask_over_their_own_connections():
    asked = Prepared(later_links, pk=UUIDField(), now=DateTimeField())
    links = [make_link()[0] for _ in range(8)]

    def ask(link):
        try:
            return [asked.all(pk=link.pk, now=timezone.now())[0] for _ in range(20)]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        for link, found in zip(links, threads.map(ask, links), strict=True):
            assert set(found) == {link}


def test_it_goes_on_after_its_connection_was_closed(transactional_db):
    asked = Prepared(lambda path: File.objects.filter(path=path), path=CharField())
    assert asked.all(path="none") == []
    connection.close()
    assert asked.all(path="none") == []


def test_any_of_takes_as_many_values_as_there_are(django_assert_num_queries):
    names = ["a.mp4", 'qu"o{,}.mp4', "ü.mp4"]
    release = make_release(DatasetFactory(), files=dict.fromkeys(names, b"x"))
    asked = Prepared(
        lambda paths: release.files.filter(path__any_of=paths).order_by(), paths=CharField()
    )
    for few in ([], names[:1], [*names[1:], "none"]):
        with django_assert_num_queries(1):
            found = {file.path for file in asked.all(paths=few)}
        assert found == set(few) - {"none"}


@pytest.fixture
def widening(transactional_db):
    """Makes a column longer as a migration does, over a connection of its own."""
    another, table = connection.copy(), DownloadLink._meta.db_table
    change = f"ALTER TABLE {table} ALTER COLUMN secret_sha256 TYPE varchar"
    with another.cursor() as cursor:
        yield lambda: cursor.execute(f"{change}(80)")
        cursor.execute(f"{change}(64)")
    another.close()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite prepares nothing")
def test_a_migration_meanwhile_makes_no_question_fail(widening):
    asked, link = Prepared(later_links, pk=UUIDField(), now=DateTimeField()), make_link()[0]

    def ask():
        with transaction.atomic():
            assert DownloadLink.objects.get() == link
        return DownloadLink.objects.get() == asked.all(pk=link.pk, now=timezone.now())[0] == link

    assert all(ask() for _ in range(6))
    widening()
    assert DownloadLink.objects.get() == link
    with pytest.raises(NotSupportedError), transaction.atomic():
        DownloadLink.objects.get()
    assert all(ask() for _ in range(6))
