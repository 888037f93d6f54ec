import pytest

from requests_app.identity.institutions import judge
from requests_app.identity.models import InstitutionDomain
from requests_app.identity.panel import judge_all

pytestmark = pytest.mark.django_db
ADDRESSES = [
    "a@denied.example",
    "a@lab.denied.example",
    "a@allowed.example",
    "a@near.example",
    "a@gmail.com",
    "a@ox.ac.uk",
    "a@unheard-of.example",
    "no address",
    "",
]


def test_many_at_once_are_judged_as_each_alone(django_assert_num_queries):
    for domain, standing in (
        ("denied.example", "deny"),
        ("allowed.example", "allow"),
        ("institute.near.example", "listed"),
        ("gmail.com.example", "allow"),
    ):
        InstitutionDomain.objects.create(domain=domain, standing=standing, source="test")
    alone = [judge(address) for address in ADDRESSES]
    with django_assert_num_queries(1):
        assert judge_all(ADDRESSES) == alone
    assert len({verdict.cause for verdict in alone}) > 5
