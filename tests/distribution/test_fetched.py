"""What was fetched under a grant: the bytes that arrived, and the releases they complete."""

import uuid

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from requests_app.audit import kinds
from requests_app.distribution.choices import Choice
from requests_app.distribution.fetched import (
    _Piece,
    _summed,
    fetched,
    fetched_with,
    holdings,
    releases_held,
    running,
)
from requests_app.distribution.packages import members_of, package_of
from requests_app.distribution.settling import Ending, settle
from requests_app.distribution.transfers import How, Outcome
from requests_app.errors import NotFound
from tests.factories.distribution import GrantFactory, make_link, make_release
from tests.factories.transfers import make_transfer

pytestmark = pytest.mark.django_db
LENGTH = 12


@pytest.fixture
def link():
    return make_link()[0]


def fetch(link, start=0, sent=100, length=100, outcome=Outcome.COMPLETE, **changes):
    content_range = f"bytes {start}-{length - 1}/{length}" if start else ""
    status = 206 if start else 200
    facts = {"range": content_range, "promised": length - start, "status": status}
    row = make_transfer(link, **(facts | changes))
    settle([Ending(row.pk, sent, outcome)])
    return row


def fetch_file(link, release, path):
    file = release.files.get(path=path)
    changes = {"name": path, "digest": file.sha256, "release": release.version}
    return fetch(link, sent=file.size, length=file.size, **changes)


def fetch_archive(link, release, choice, *, missing=0, form="zip"):
    package = package_of(release, choice, form)
    length, name = package.archive.length, f"{package.stem}.{form}"
    changes = {"kind": kinds.ARCHIVE_DOWNLOADED, "digest": package.archive.etag.strip('"')}
    outcome = Outcome.BROKEN if missing else Outcome.COMPLETE
    fetch(link, sent=length - missing, length=length, name=name, outcome=outcome, **changes)


class TestFetched:
    def test_parts_that_meet_make_a_whole_and_prove_it_together(self, link):
        first = fetch(link, 0, 60, outcome=Outcome.BROKEN)
        fetch(link, 10, 20, outcome=Outcome.BROKEN)
        last = fetch(link, 50, 50)
        (found,) = fetched(link.grant)
        assert (found.length, found.covered, found.is_complete) == (100, 100, True)
        assert found.proofs == (first.pk, last.pk)

    def test_one_that_carried_everything_proves_it_alone(self, link):
        fetch(link, 0, 60, outcome=Outcome.BROKEN)
        whole = fetch(link)
        fetch(link, 50, 50)
        assert fetched(link.grant)[0].proofs == (whole.pk,)

    def test_a_hole_is_not_filled_by_fetching_the_beginning_twice(self, link):
        for _ in range(2):
            fetch(link, 0, 60, outcome=Outcome.BROKEN)
        (found,) = fetched(link.grant)
        assert (found.covered, found.is_complete, found.proofs) == (60, False, ())

    def test_what_was_left_to_the_store_is_told_apart(self, link):
        fetch(link, sent=None, outcome=Outcome.HANDED_OUT, how=How.STORE)
        (found,) = fetched(link.grant)
        assert (found.covered, found.untold) == (0, 1)

    def test_bytes_of_which_nobody_knows_the_place_cover_nothing(self, link):
        for facts in ({"status": 206}, {"status": 404}, {"status": 200, "range": "bytes 0-9/100"}):
            fetch(link, **facts)
        (found,) = fetched(link.grant)
        assert (found.covered, found.is_complete, found.proofs) == (0, False, ())

    def test_nothing_of_others(self, link):
        theirs = fetch(make_link()[0])
        assert fetched(link.grant) == []
        with pytest.raises(NotFound):
            fetched_with(link.grant, theirs.pk)

    def test_by_any_of_its_pieces_one_thing_is_found(self, link):
        piece = fetch(link, 0, 60, outcome=Outcome.BROKEN)
        fetch(link, 50, 50)
        fetch(link, name="clips/002.mp4")
        assert fetched_with(link.grant, piece.pk) in fetched(link.grant)

    def test_what_runs_is_told_by_itself(self, link):
        fetch(link)
        under_way = make_transfer(link)
        assert running(link.grant) == [under_way]

    @given(
        spans=st.lists(st.tuples(st.integers(0, LENGTH - 1), st.integers(0, LENGTH)), min_size=1)
    )
    def test_it_counts_each_byte_once_and_the_proofs_cover_all(self, spans):
        now, brought, rows = timezone.now(), {}, []
        for start, most in spans:
            pk, sent = uuid.uuid4(), min(most, LENGTH - start)
            brought[pk] = set(range(start, start + sent))
            told = f"bytes {start}-{LENGTH - 1}/{LENGTH}"
            rows.append(_Piece("1.0", "k", "n", "d", pk, told, 206, LENGTH - start, sent, now))
        found = _summed(rows)
        assert found.covered == len(set().union(*brought.values()))
        proved = set().union(*(brought[pk] for pk in found.proofs))
        assert proved == (set(range(LENGTH)) if found.is_complete else set())
        for pk in found.proofs:
            others = (brought[other] for other in found.proofs if other != pk)
            assert set().union(*others) < set(range(LENGTH)), "no piece is there in vain"


MARKS = {"1.mp4": ("cross", "train"), "2.mp4": ("hungry", "test"), "3.mp4": ("hungry", "train")}


@pytest.fixture
def gulls(link):
    files = {path: path.encode() * 9 for path in MARKS} | {"labels.csv": b"path\n"}
    return make_release(link.grant.dataset, files=files, marks=MARKS)


def held(link):
    found = fetched(link.grant)
    return holdings(releases_held(link.grant, found, timezone.now()), found)


class TestHoldings:
    def test_files_by_themselves_and_inside_a_complete_archive_count_once(self, link, gulls):
        fetch_file(link, gulls, "2.mp4")
        fetch_archive(link, gulls, Choice(("hungry",), ()))
        (holding,) = held(link)
        assert [file.path for file in holding.missing] == ["1.mp4"]
        assert (holding.complete, holding.is_complete) == (3, False)
        assert holding.covered == gulls.total_bytes - len(b"1.mp4" * 9)
        assert holding.classes == [("cross", 0, 1), ("hungry", 2, 2)]
        fetch_file(link, gulls, "1.mp4")
        (holding,) = held(link)
        assert holding.is_complete
        assert holding.covered == gulls.total_bytes

    @pytest.mark.parametrize("form", ["zip", "tar"])
    def test_an_archive_counts_when_its_last_byte_was_sent(self, link, gulls, form):
        fetch_archive(link, gulls, Choice(), missing=1, form=form)
        assert held(link)[0].complete == 0
        fetch_archive(link, gulls, Choice(), form=form)
        assert held(link)[0].is_complete

    def test_what_the_store_sent_is_not_known_to_be_there(self, link, gulls):
        file = gulls.files.get(path="1.mp4")
        told = {"name": file.path, "digest": file.sha256, "how": How.STORE}
        fetch(link, sent=None, outcome=Outcome.HANDED_OUT, **told)
        (holding,) = held(link)
        assert (holding.complete, holding.untold, len(holding.missing)) == (0, 1, 4)

    def test_a_file_of_another_digest_is_another_file(self, link, gulls):
        fetch(link, name="1.mp4", digest="f" * 64)
        assert held(link)[0].complete == 0

    def test_releases_that_were_touched_and_the_newest_are_told_of(self, link, gulls):
        grant = link.grant
        old = make_release(grant.dataset, "0.9", published_at=gulls.published_at.replace(year=2020))
        make_release(grant.dataset, "0.8", published_at=gulls.published_at.replace(year=2019))
        make_release(GrantFactory().dataset, "3.0")
        fetch_file(link, old, "clips/001.mp4")
        assert [holding.release.version for holding in held(link)] == ["1.0", "0.9"]
        assert [holding.complete for holding in held(link)] == [0, 1]

    def test_records_that_disagree_with_the_manifest_are_not_counted(self, link):
        make_release(link.grant.dataset, manifest_sha256="0" * 64)
        (holding,) = held(link)
        assert "differ" in holding.fault
        assert not holding.is_complete


class TestMembersOf:
    @pytest.mark.parametrize(
        "choice",
        [
            Choice(),
            Choice(("hungry",)),
            Choice(("cross", "hungry")),
            Choice((), ("test",)),
            Choice(("hungry",), ("test", "train")),
        ],
    )
    def test_the_name_of_an_archive_tells_its_files(self, link, gulls, choice):
        package = package_of(gulls, choice)
        assert list(members_of(gulls, f"{package.stem}.tar")) == list(package.contents)

    @pytest.mark.parametrize("stem", ["x", "", "{}-1.0_nothing", "{}-1.0_", "{}-1.0_hungry_x"])
    def test_any_other_name_tells_none(self, link, gulls, stem):
        assert members_of(gulls, f"{stem.format(gulls.dataset.slug)}.zip") == ()

    def test_a_name_that_two_choices_have_tells_none(self, link):
        """A class and a split of one name: the archives differ, their names do not."""
        marks = {"1.mp4": ("test", "train"), "2.mp4": ("cross", "test")}
        release = make_release(link.grant.dataset, files=dict.fromkeys(marks, b"1"), marks=marks)
        names = {
            package_of(release, choice).stem
            for choice in (Choice(("test",)), Choice((), ("test",)))
        }
        assert len(names) == 1
        assert members_of(release, f"{names.pop()}.zip") == ()
