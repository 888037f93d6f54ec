"""What a dataset allows of downloads: its own limits, the portal's where it says nothing."""

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution import links
from requests_app.distribution.access import Access, may_start, pause_after, resolve
from requests_app.distribution.policy import (
    FIELDS,
    Limits,
    clean_networks,
    is_inside,
    limits_of,
    policy_of,
    set_networks,
    set_policy,
)
from requests_app.distribution.usage import Use
from requests_app.distribution.verdicts import PAUSES, Verdict
from requests_app.errors import Invalid, Refused
from tests.factories.distribution import GrantFactory, make_access_token, make_link
from tests.factories.requests import approver, reviewer, superuser

db = pytest.mark.django_db
NOTHING = dict.fromkeys(FIELDS)


@db
def test_a_dataset_without_a_row_has_the_portals_limits(settings):
    settings.LINK_DAYS, settings.BYTES_PER_DAY, settings.PAGE_SIGN_IN = 3, 7, False
    limits = limits_of(policy_of(GrantFactory().dataset_id))
    assert (limits.link_term.days, limits.bytes_per_day, limits.page_sign_in) == (3, 7, False)


@db
def test_what_a_row_says_counts_even_when_it_is_nothing(settings):
    settings.BYTES_PER_DAY = 7
    grant = GrantFactory()
    values = NOTHING | {"bytes_per_day": 0, "page_sign_in": False, "concurrent": 2}
    set_policy(dataset_id=grant.dataset_id, values=values, by=superuser())
    limits = resolve(make_access_token(grant)[1], timezone.now()).use.limits
    assert (limits.bytes_per_day, limits.page_sign_in, limits.concurrent) == (0, False, 2)
    assert limits.link_term.days == settings.LINK_DAYS


@db
def test_every_change_is_an_entry_and_no_change_is_none():
    grant, by = GrantFactory(), superuser()
    for _ in range(2):
        set_policy(dataset_id=grant.dataset_id, values=NOTHING | {"concurrent": 3}, by=by)
    (entry,) = Entry.objects.filter(kind=kinds.DOWNLOAD_POLICY_CHANGED)
    assert entry.details["before"] == NOTHING
    assert entry.details["after"] == NOTHING | {"concurrent": 3}


@db
def test_only_superusers_and_nothing_that_lets_nobody_in():
    grant = GrantFactory()
    with pytest.raises(Refused):
        set_policy(dataset_id=grant.dataset_id, values=NOTHING, by=approver(grant.dataset))
    with pytest.raises(Invalid):
        set_policy(dataset_id=grant.dataset_id, values=NOTHING | {"concurrent": 0}, by=superuser())


@db
@pytest.mark.parametrize(
    ("name", "most"), [("link_days", 36_500), ("bytes_per_day", 2**53 - 1), ("concurrent", 10_000)]
)
def test_what_can_be_counted_lets_somebody_in_and_more_is_refused(name, most):
    link, token = make_link()
    dataset_id = link.grant.dataset_id
    with pytest.raises(Invalid, match=f"{most:,}"):
        set_policy(dataset_id=dataset_id, values=NOTHING | {name: most + 1}, by=superuser())
    set_policy(dataset_id=dataset_id, values=NOTHING | {name: most}, by=superuser())
    assert resolve(token, timezone.now()).allowed
    assert links.renew_link(grant_id=link.grant_id, by=link.grant.applicant)


@db
def test_a_link_lives_as_long_as_the_dataset_says():
    grant = GrantFactory()
    set_policy(dataset_id=grant.dataset_id, values=NOTHING | {"link_days": 2}, by=superuser())
    link = links.ensure_link(grant_id=grant.pk)
    assert (link.expires_at - link.created_at).days == 2


@db
def test_one_link_more_than_may_be_open_closes_the_oldest():
    grant, now = GrantFactory(), timezone.now()
    set_policy(dataset_id=grant.dataset_id, values=NOTHING | {"links_alive": 2}, by=superuser())
    first = links.ensure_link(grant_id=grant.pk)
    second = links.renew_link(grant_id=grant.pk, by=grant.applicant)
    assert all(each.is_open(now) for each in (first, second))
    third = links.renew_link(grant_id=grant.pk, by=grant.applicant)
    for each, is_open in ((first, False), (second, True), (third, True)):
        each.refresh_from_db()
        assert each.is_open(timezone.now()) == is_open
    assert Entry.objects.get(kind=kinds.LINK_REVOKED).subject == first.audit_ref


def access(running=0, today=0, concurrent=2, most=100, promised=0):
    limits = Limits(None, 1, concurrent, most, page_sign_in=True)
    return Access(Verdict.ALLOWED, None, Use(limits, running, today, promised))


@pytest.mark.parametrize(
    ("found", "size", "verdict"),
    [
        (access(), 100, Verdict.ALLOWED),
        (access(running=1), 1, Verdict.ALLOWED),
        (access(running=2), 1, Verdict.TOO_MANY),
        (access(today=99), 1, Verdict.ALLOWED),
        (access(today=99), 2, Verdict.DAY_USED_UP),
        (access(promised=99), 1, Verdict.ALLOWED),
        (access(promised=99), 2, Verdict.DAY_SPOKEN_FOR),
        (access(today=40, promised=59), 2, Verdict.DAY_SPOKEN_FOR),
        (access(today=99, promised=1), 2, Verdict.DAY_USED_UP),
        (access(today=1), 10**12, Verdict.DAY_USED_UP),
        (access(), 10**12, Verdict.ALLOWED),  # or it could never be fetched at all
        (access(today=10**12, most=0), 10**12, Verdict.ALLOWED),
        (Access(Verdict.LINK_EXPIRED, None, access().use), 1, Verdict.LINK_EXPIRED),
        (Access(Verdict.UNKNOWN), 1, Verdict.UNKNOWN),
    ],
)
def test_one_more_may_start_while_the_limits_last(found, size, verdict):
    assert may_start(found, size) is verdict


def test_a_day_ends_at_midnight_utc():
    now = timezone.now().replace(hour=23, minute=59, second=30, microsecond=0)
    assert pause_after(Verdict.DAY_USED_UP, now).total_seconds() == 30
    for soon in PAUSES - {Verdict.DAY_USED_UP}:
        assert pause_after(soon, now).total_seconds() == 5


class TestNetworks:
    @db
    def test_only_from_there(self):
        grant = GrantFactory(networks="192.0.2.0/24 2001:db8::/32")
        _, token = make_link(grant)
        for ip, verdict in (
            ("192.0.2.7", Verdict.ALLOWED),
            ("2001:db8::1", Verdict.ALLOWED),
            ("::ffff:192.0.2.7", Verdict.ALLOWED),
            ("192.0.3.7", Verdict.OUTSIDE_NETWORK),
            ("", Verdict.OUTSIDE_NETWORK),
            ("nonsense", Verdict.OUTSIDE_NETWORK),
        ):
            assert resolve(token, timezone.now(), ip).verdict is verdict, ip

    @db
    def test_an_approver_sets_them_and_it_is_an_entry(self):
        grant = GrantFactory()
        by = approver(grant.dataset)
        for _ in range(2):
            set_networks(grant_id=grant.pk, networks="192.0.2.0/24,\n 2001:DB8::/32", by=by)
        grant.refresh_from_db()
        assert grant.networks == "192.0.2.0/24 2001:db8::/32"
        (entry,) = Entry.objects.filter(kind=kinds.GRANT_NETWORKS_CHANGED)
        assert entry.details == {}
        personal = dict(entry.personal_values.values_list("field", "value"))
        assert personal == {"after": grant.networks}
        with pytest.raises(Refused):
            set_networks(grant_id=grant.pk, networks="", by=reviewer(grant.dataset))

    @pytest.mark.parametrize(
        ("written", "meant"),
        [("::ffff:192.0.2.0/120", "192.0.2.0/24"), ("::ffff:192.0.2.1", "192.0.2.1/32"),
         ("::/90", "::/90")],
    )  # fmt: skip
    def test_an_ipv4_network_in_ipv6_dress_is_one_of_ipv4(self, written, meant):
        assert clean_networks(written) == meant

    @pytest.mark.parametrize("wrong", ["192.0.2.1/24", "here", "192.0.2.0/33", "10.0.0.0/8 x"])
    def test_what_is_no_network_is_named(self, wrong):
        with pytest.raises(Invalid, match="is not a network"):
            clean_networks(wrong)

    @given(st.ip_addresses())
    def test_every_address_is_inside_its_own_network_and_anywhere_is_inside_none(self, ip):
        own = clean_networks(str(ip))
        assert is_inside(str(ip), own)
        assert is_inside(str(ip), "")
        assert clean_networks(own) == own
