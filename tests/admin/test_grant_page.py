"""The page of a grant: what was fetched under it, what runs, its links and tokens."""

import re

import pytest
from django.utils import timezone

from requests_app.audit import kinds
from requests_app.distribution.transfers import Transfer
from tests.admin.places import THE_LOOK, at
from tests.factories.distribution import GrantFactory, make_access_token, make_link
from tests.factories.requests import approver, auditor, reviewer
from tests.factories.transfers import make_transfer
from tests.web.download_world import ReadingClient, archive_url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_store")]


@pytest.fixture
def page(enter, grant):
    client = enter(reviewer(grant.dataset))
    return lambda **query: words(client.get(at("grant_change", grant.pk), query).text)


def words(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.replace("&nbsp;", " ")))


def test_before_anything_was_fetched_it_says_what_is_missing(page, release):
    html = page()
    assert "1.0 Nothing 0 of 4" in html
    assert "hungry 0/3" in html
    assert "4 files" in html
    assert "0 complete, 0 in part, 0 not known" in html
    assert "Nothing runs." in html


def test_single_files_and_parts_are_told(page, token):
    ReadingClient().get(f"/d/{token}/files/clips/001.mp4")
    ReadingClient().get(f"/d/{token}/files/clips/003.mp4", headers={"Range": "bytes=0-9"})
    html = page()
    assert "1.0 In part 1 of 4" in html
    assert "1 complete, 1 in part, 0 not known" in html
    assert "hungry 1/3" in html
    assert re.search(r"clips/001\.mp4 1\.0 complete 700.bytes", html)
    assert re.search(r"clips/003\.mp4 1\.0 in part 10.bytes of 2\.1.KB", html)


def test_a_complete_archive_counts_its_members(page, token, release):
    ReadingClient().get(archive_url(token, release))
    assert "1.0 Complete 4 of 4" in page()


def test_what_nobody_told_is_not_called_fetched(page, grant, release):
    file = release.files.get(path="clips/001.mp4")
    about = {"name": file.path, "digest": file.sha256, "outcome": "handed_out", "how": "s3"}
    make_transfer(make_link(grant)[0], settled_at=timezone.now(), **about)
    html = page()
    assert "1.0 Not known 0 of 4, 1 not known" in html
    assert "0 complete, 0 in part, 1 not known" in html


def test_what_runs_is_told_apart(page, grant, release):
    make_transfer(make_link(grant)[0], range="bytes 40-99/100", promised=60, bytes_sent=20)
    html = page()
    assert re.search(r"clips/001\.mp4 1\.0 60.bytes of 100.bytes", html)
    assert "0 complete, 0 in part" in html


def test_links_and_tokens_are_named_and_their_secrets_are_not(page, grant, release):
    link, _ = make_link(grant, revoked_at=timezone.now())
    token, _ = make_access_token(grant, name="cluster 7")
    html = page()
    assert "Link revoked" in html
    assert "cluster 7 open" in html
    assert "never" in html
    assert token.secret_sha256 not in html
    assert link.secret_sha256 not in html


def test_a_grant_of_thousands_is_paged(page, grant, release):
    link, now = make_link(grant)[0], timezone.now()
    rows = [
        Transfer(
            grant=grant,
            link=link,
            kind=kinds.FILE_DOWNLOADED,
            release="1.0",
            name=f"clips/{n:05}.mp4",
            digest="0" * 64,
            status=200,
            promised=1,
            bytes_sent=1,
            how="portal",
            outcome="complete",
            settled_at=now,
        )
        for n in range(120)
    ]
    Transfer.objects.bulk_create(rows)
    html = page(page="3")
    assert "Page 3 of 3" in html
    assert html.count("clips/00") == 20 + 3, "of the release three are missing"


@pytest.mark.parametrize("count", [1, 3])
def test_it_takes_as_many_queries_for_three_as_for_one(
    enter, grant, token, count, django_assert_num_queries
):
    for number in range(1, count + 1):
        ReadingClient().get(f"/d/{token}/files/clips/00{number}.mp4")
        make_access_token(grant)
        make_link(grant)
        make_transfer(make_link(grant)[0])
    client = enter(approver(grant.dataset))
    client.get(at("grant_change", grant.pk))
    with django_assert_num_queries(35 + THE_LOOK):
        client.get(at("grant_change", grant.pk))


def test_auditors_read_it_and_maintainers_of_other_datasets_do_not(enter, grant, release):
    assert enter(auditor()).get(at("grant_change", grant.pk)).status_code == 200
    other = enter(reviewer(GrantFactory().dataset)).get(at("grant_change", grant.pk))
    assert other.status_code == 404
