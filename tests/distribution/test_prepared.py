"""A prepared query says what its queryset says, for every value and on every thread."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import CharField, DateTimeField, UUIDField
from django.utils import timezone

from requests_app.datasets.models import File
from requests_app.distribution.access import find_file, may_fetch, resolve
from requests_app.distribution.models import DownloadLink
from requests_app.distribution.prepared import Prepared
from tests.factories.distribution import GrantFactory, make_link, make_release

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
                found = asked.first(pk=link.pk, now=now)
                assert found == expected
                assert found is None or found.grant.dataset.slug
            assert found is None or found.__dict__.keys() == expected.__dict__.keys()


@pytest.mark.django_db(transaction=True)
def test_all_threads_ask_over_their_own_connections():
    asked = Prepared(later_links, pk=UUIDField(), now=DateTimeField())
    links = [make_link()[0] for _ in range(8)]

    def ask(link):
        try:
            return [asked.first(pk=link.pk, now=timezone.now()) for _ in range(20)]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        for link, found in zip(links, threads.map(ask, links), strict=True):
            assert set(found) == {link}


def test_it_goes_on_after_its_connection_was_closed(transactional_db):
    asked = Prepared(lambda path: File.objects.filter(path=path), path=CharField())
    assert asked.first(path="none") is None
    connection.close()
    assert asked.first(path="none") is None


def test_the_file_that_is_found_is_one_that_may_be_fetched():
    grant = GrantFactory()
    _, token = make_link(grant)
    now = timezone.now()
    for number in (1, 2):
        release = make_release(
            grant.dataset,
            version=f"{number}.0",
            files={"a.mp4": b"x" * number},
            published_at=now + timedelta(hours=number),
        )
    make_release(GrantFactory().dataset, files={"other.mp4": b"x"})
    later = now + timedelta(hours=2)
    access = resolve(token, later)
    newest = find_file(access, later, "a.mp4")
    assert newest is not None
    assert (newest.release, newest.size) == (release, 2)
    assert may_fetch(grant, newest, later)
    assert find_file(access, later, "a.mp4", "1.0").size == 1
    for path, version in (("b.mp4", None), ("a.mp4", "3.0"), ("other.mp4", None), ("a.mp4", "")):
        assert find_file(access, later, path, version) is None
    assert find_file(access, now, "a.mp4") is None, "not published by then"
    grant.revoked_at = now
    grant.save()
    assert find_file(resolve(token, later), later, "a.mp4") is None
