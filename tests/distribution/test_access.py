"""The access rule: its boundaries, its two spellings, and what a refusal costs."""

import itertools
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from requests_app.datasets.models import File, Release
from requests_app.distribution import access
from requests_app.distribution.access import Wanted, fetchable_files, may_fetch, resolve
from requests_app.distribution.reconsents import NOTICE
from requests_app.distribution.tokens import Sort, read_token, write_token
from requests_app.distribution.verdicts import HIDDEN, PAUSES, Verdict
from requests_app.requests.states import State
from tests.factories.distribution import (
    AgreementFactory,
    ApprovedRequestFactory,
    GrantFactory,
    make_access_token,
    make_link,
    make_release,
)
from tests.factories.reconsents import campaign_for, long_standing, signed_anew
from tests.factories.requests import DatasetFactory, UserFactory

TICK = timedelta(microseconds=1)


def verdict(token, now=None):
    return resolve(token, now or timezone.now()).verdict


def refusals():
    """One token for each verdict."""
    past = timezone.now() - timedelta(hours=1)
    made = {
        Verdict.ALLOWED: make_link(),
        Verdict.HOLDER_INACTIVE: make_link(),
        Verdict.GRANT_REVOKED: make_link(GrantFactory(revoked_at=past)),
        Verdict.GRANT_EXPIRED: make_link(GrantFactory(ends_at=past)),
        Verdict.REQUEST_CLOSED: make_link(),
        Verdict.GRANT_SUSPENDED: make_link(long_standing(GrantFactory())),
        Verdict.LINK_REVOKED: make_link(revoked_at=past),
        Verdict.LINK_EXPIRED: make_link(created_at=past - timedelta(days=14), expires_at=past),
        Verdict.TOKEN_REVOKED: make_access_token(revoked_at=past),
        Verdict.OUTSIDE_NETWORK: make_link(GrantFactory(networks="192.0.2.0/24")),
    }
    holder = made[Verdict.HOLDER_INACTIVE][0].grant.applicant
    holder.is_active = False
    holder.save()
    closed = made[Verdict.REQUEST_CLOSED][0].grant.access_request
    closed.state = State.WITHDRAWN
    closed.save()
    campaign_for(made[Verdict.GRANT_SUSPENDED][0].grant, deadline=past)
    return {why: token for why, (_, token) in made.items()} | {Verdict.UNKNOWN: "x" * 110}


@pytest.mark.django_db
class TestResolve:
    def test_each_reason_has_its_verdict(self):
        tokens = refusals()
        assert {why: verdict(token) for why, token in tokens.items()} == {
            why: why for why in tokens
        }
        assert set(tokens) | PAUSES == set(Verdict)

    def test_every_refusal_says_what_to_do(self):
        for why, token in refusals().items():
            found = resolve(token, timezone.now())
            assert found.allowed == (why is Verdict.ALLOWED)
            assert bool(found.sentence) == (not found.allowed)

    def test_a_refusal_that_hides_says_what_no_link_says(self):
        hidden = {resolve(token, timezone.now()).sentence for why, token in refusals().items()
                  if why in HIDDEN}  # fmt: skip
        assert len(hidden) == 1

    def test_an_altered_token_opens_nothing(self):
        link, token = make_link()
        _, other = make_link(link.grant)
        name, secret, signature = token.split(".")
        for altered in (
            f"{name}.{other.split('.')[1]}.{signature}",
            f"{other.split('.')[0]}.{secret}.{signature}",
            token[:-2] + "xy",
            token[:-1],
        ):
            assert verdict(altered) is Verdict.UNKNOWN

    def test_a_signature_alone_is_not_enough(self):
        """Whoever has the key but not the secret does not get in."""
        link, _ = make_link()
        assert verdict(write_token(link.pk, "A" * 43)) is Verdict.UNKNOWN

    def test_the_link_ends_at_its_instant(self):
        link, token = make_link()
        assert verdict(token, link.expires_at - TICK) is Verdict.ALLOWED
        assert verdict(token, link.expires_at) is Verdict.LINK_EXPIRED

    def test_the_grant_ends_at_its_instant(self):
        grant = GrantFactory()
        _, token = make_link(grant, expires_at=grant.ends_at + timedelta(days=9))
        assert verdict(token, grant.starts_at - TICK) is Verdict.GRANT_EXPIRED
        assert verdict(token, grant.starts_at) is Verdict.ALLOWED
        assert verdict(token, grant.ends_at - TICK) is Verdict.ALLOWED
        assert verdict(token, grant.ends_at) is Verdict.GRANT_EXPIRED

    def test_a_revocation_counts_from_its_instant(self):
        at = timezone.now() + timedelta(hours=1)
        _, by_grant = make_link(GrantFactory(revoked_at=at))
        _, by_link = make_link(revoked_at=at)
        for token, closed in ((by_grant, Verdict.GRANT_REVOKED), (by_link, Verdict.LINK_REVOKED)):
            assert verdict(token, at - TICK) is Verdict.ALLOWED
            assert verdict(token, at) is closed

    def test_every_answer_costs_one_query_and_one_comparison(
        self, django_assert_num_queries, monkeypatch
    ):
        compared = []
        compare = access.constant_time_compare
        monkeypatch.setattr(
            access, "constant_time_compare", lambda a, b: compared.append((a, b)) or compare(a, b)
        )
        for token in [*refusals().values(), "", "nonsense"]:
            compared.clear()
            with django_assert_num_queries(1):
                resolve(token, timezone.now())
            assert [(len(a), len(b)) for a, b in compared] == [(64, 64)]


offsets = st.integers(-2, 2).map(lambda hours: timedelta(hours=hours))
maybe = st.one_of(st.none(), offsets)


@pytest.mark.django_db
class TestAFileThatIsWanted:
    def test_it_is_one_that_may_be_fetched(self, django_assert_num_queries):
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

        def wanted(path, version=None, at=later):
            return resolve(token, at, wanted=Wanted(path, version)).file

        with django_assert_num_queries(2):
            newest = wanted("a.mp4")
        assert newest is not None
        assert (newest.release, newest.size) == (release, 2)
        assert may_fetch(grant, newest, later)
        assert wanted("a.mp4", "1.0").size == 1
        for path, version in (
            ("b.mp4", None),
            ("a.mp4", "3.0"),
            ("other.mp4", None),
            ("a.mp4", ""),
        ):
            assert wanted(path, version) is None
        assert wanted("a.mp4", at=now) is None, "not published by then"
        assert resolve(token, later, wanted=None).file is None
        grant.revoked_at = now
        grant.save()
        assert wanted("a.mp4") is None

    def test_many_who_ask_at_once_get_each_their_own(self):
        """What is asked of one link together: files of several versions, there or not."""
        grant = GrantFactory()
        link, token = make_link(grant)
        now = timezone.now()
        for version in ("1.0", "2.0"):
            files = {f"{n}.mp4": f"{version}{n}".encode() for n in range(3)}
            make_release(grant.dataset, version=version, files=files)
        grant.networks = "192.0.2.0/24"
        grant.save()
        paths = [f"{n}.mp4" for n in range(4)]
        wanted = itertools.product(paths, (None, "1.0", "2.0", "3"))
        together = access._JUDGED[Sort.LINK]._ask
        claims = [read_token(token), read_token(token[:-1] + chr(ord(token[-1]) ^ 1))]
        asked = [
            access._Asked(claim, now + n * TICK, ip, each)
            for n, (claim, ip, each) in enumerate(
                itertools.product(
                    claims, ("192.0.2.1", "198.51.100.1"), [None, *(Wanted(*w) for w in wanted)]
                )
            )
        ]
        judged = together(link.pk, asked)
        assert judged == {each: together(link.pk, [each])[each] for each in asked}
        assert {found.verdict for found in judged.values()} == {
            Verdict.ALLOWED,
            Verdict.OUTSIDE_NETWORK,
            Verdict.UNKNOWN,
        }
        assert all(found.allowed for found in judged.values() if found.file)


class TestBothSpellings(TestCase):
    """`may_fetch` and `fetchable_files` agree on every grant and file of a random world."""

    @given(
        st.lists(st.tuples(offsets, st.integers(0, 1), st.booleans()), min_size=1, max_size=3),
        st.lists(
            st.tuples(
                offsets, st.integers(1, 3), maybe, st.integers(0, 1), st.booleans(),
                st.sampled_from(State),
            ),
            min_size=1,
            max_size=4,
        ),
        offsets,
    )  # fmt: skip
    @settings(max_examples=60)
    def test_they_agree(self, releases, grants, at):
        start = timezone.now()
        now = start + at
        datasets = [DatasetFactory(), DatasetFactory()]
        for number, (published, of, _) in enumerate(releases):
            release = Release.objects.create(
                dataset=datasets[of],
                version=f"{number}.0",
                published_at=start + published,
                file_count=1,
                total_bytes=1,
                manifest_sha256="",
            )
            File.objects.create(release=release, path="f", size=1, sha256="", crc32=0)
        made = []
        for begins, hours, revoked, of, active, state in grants:
            request = ApprovedRequestFactory(
                dataset=datasets[of], state=state, applicant=UserFactory(is_active=active)
            )
            made.append(
                GrantFactory(
                    agreement=AgreementFactory(access_request=request),
                    starts_at=start + begins,
                    ends_at=start + begins + timedelta(hours=hours),
                    revoked_at=None if revoked is None else start + revoked,
                )
            )
        files = list(File.objects.select_related("release"))
        for grant, file in itertools.product(made, files):
            listed = fetchable_files(grant, now).filter(pk=file.pk).exists()
            assert listed == may_fetch(grant, file, now)
        for grant in made:
            in_query = access.grants_in_force(now).filter(pk=grant.pk).exists()
            assert in_query == access.in_force(grant, now)
            _, token = make_link(grant, expires_at=start + timedelta(days=9))
            newest = fetchable_files(grant, now).order_by("-release__published_at", "-release_id")
            found = resolve(token, now, wanted=Wanted("f")).file
            assert found == newest.first()

    @given(
        st.lists(st.tuples(offsets, st.sets(st.integers(0, 2))), min_size=1, max_size=3),
        st.lists(offsets, max_size=3),
        offsets,
    )
    @settings(max_examples=60)
    def test_they_agree_on_who_had_to_sign_a_new_version(self, grants, deadlines, at):
        """Grants that began around the notice ago, campaigns that end around now."""
        start = timezone.now()
        dataset, now = DatasetFactory(), start + at
        made = [
            GrantFactory(
                agreement__access_request__dataset=dataset,
                starts_at=start - NOTICE + began,
                ends_at=start + timedelta(days=90),
            )
            for began, _ in grants
        ]
        campaigns = [campaign_for(made[0], deadline=start + after) for after in deadlines]
        for grant, (began, chosen) in zip(made, grants, strict=True):
            signed = {number for number in chosen if number < len(campaigns)}
            for number in sorted(signed):
                signed_anew(grant, campaigns[number])
            left = deadlines[max(signed, default=-1) + 1 :]
            expected = not any(max(after, began) <= at for after in left)
            assert access.in_force(grant, now) == expected
            assert access.grants_in_force(now).filter(pk=grant.pk).exists() == expected
            _, token = make_link(grant)
            assert resolve(token, now).allowed == expected

    @given(
        st.lists(st.tuples(st.booleans(), offsets, maybe), min_size=1, max_size=5),
        st.booleans(),
        maybe,
        offsets,
    )
    @settings(max_examples=60)
    def test_they_agree_on_links_and_tokens(self, made, active, grant_revoked, at):
        """`resolve` for one at a time, and `credentials_in_force` for many at once."""
        start = timezone.now()
        now = start + at
        grant = GrantFactory(
            agreement__access_request__applicant=UserFactory(is_active=active),
            starts_at=start - timedelta(days=1),
            revoked_at=None if grant_revoked is None else start + grant_revoked,
        )
        texts = {}
        for is_link, ends, revoked in made:
            revoked_at = None if revoked is None else start + revoked
            created = start - timedelta(days=3)
            if is_link:
                row, text = make_link(
                    grant, created_at=created, expires_at=start + ends, revoked_at=revoked_at
                )
            else:
                row, text = make_access_token(grant, revoked_at=revoked_at)
            texts[row.pk] = text
        alone = {pk for pk, text in texts.items() if resolve(text, now).allowed}
        assert access.credentials_in_force(set(texts), now) == alone

    def test_they_agree_at_every_boundary(self):
        start = timezone.now()
        hour = timedelta(hours=1)
        grant = GrantFactory(starts_at=start, ends_at=start + 3 * hour)
        grant.revoked_at = start + 2 * hour
        grant.save()
        release = Release.objects.create(
            dataset=grant.dataset,
            version="1.0",
            published_at=start + hour,
            file_count=1,
            total_bytes=1,
            manifest_sha256="",
        )
        file = File.objects.create(release=release, path="f", size=1, sha256="", crc32=0)
        ended = GrantFactory(
            agreement__access_request__dataset=grant.dataset,
            starts_at=start,
            ends_at=start + 3 * hour,
        )
        lasts = {grant: 2 * hour - TICK, ended: 3 * hour - TICK}
        for of, last in lasts.items():
            for at in (0 * hour, hour, 2 * hour, 3 * hour):
                for now in (start + at - TICK, start + at, start + at + TICK):
                    expected = start + hour <= now <= start + last
                    assert may_fetch(of, file, now) == expected
                    assert fetchable_files(of, now).exists() == expected
                    in_force = start <= now <= start + last
                    assert access.grants_in_force(now).filter(pk=of.pk).exists() == in_force

    def test_a_grant_opens_the_releases_of_its_own_dataset(self):
        grant, other = GrantFactory(), GrantFactory()
        for dataset in (grant.dataset, other.dataset):
            release = Release.objects.create(
                dataset=dataset, version="1.0", file_count=1, total_bytes=1, manifest_sha256=""
            )
            File.objects.create(release=release, path="f", size=1, sha256="", crc32=0)
        found = fetchable_files(grant, timezone.now())
        assert [file.release.dataset for file in found] == [grant.dataset]
