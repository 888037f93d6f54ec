"""Access tokens: made once, shown once, closed at once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution.access import resolve
from requests_app.distribution.access_tokens import MOST, create_token, revoke_token
from requests_app.distribution.models import AccessToken
from requests_app.distribution.tokens import Sort, write_token
from requests_app.distribution.verdicts import Verdict
from requests_app.errors import Conflict, Invalid, NotFound
from tests.factories.distribution import GrantFactory, make_access_token, make_link
from tests.factories.requests import UserFactory

pytestmark = pytest.mark.django_db


def test_its_text_opens_the_grant_and_is_kept_nowhere(grant):
    token, text = create_token(grant_id=grant.pk, name=" my  cluster ", by=grant.applicant)
    assert resolve(text, timezone.now()).credential == token
    assert (token.name, text.startswith("pat-")) == ("my cluster", True)
    secret = text.split(".")[1]
    assert secret not in str(AccessToken.objects.values())
    entry = Entry.objects.get(kind=kinds.TOKEN_CREATED)
    assert (entry.subject, entry.trail) == (token.audit_ref, grant.audit_trail)
    assert secret not in str(entry.details)


def test_a_revoked_one_opens_nothing(grant):
    token, text = create_token(grant_id=grant.pk, name="a", by=grant.applicant)
    revoke_token(token_id=token.pk, by=grant.applicant)
    assert resolve(text, timezone.now()).verdict is Verdict.TOKEN_REVOKED
    with pytest.raises(Conflict):
        revoke_token(token_id=token.pk, by=grant.applicant)
    assert Entry.objects.filter(kind=kinds.TOKEN_REVOKED).count() == 1


def test_it_ends_with_its_grant(grant):
    _, text = make_access_token(grant)
    last = grant.ends_at - timedelta(microseconds=1)
    assert resolve(text, last).verdict is Verdict.ALLOWED
    assert resolve(text, grant.ends_at).verdict is Verdict.GRANT_EXPIRED


def test_it_is_the_holders_alone(grant):
    other = UserFactory()
    with pytest.raises(NotFound):
        create_token(grant_id=grant.pk, name="a", by=other)
    token, _ = make_access_token(grant)
    with pytest.raises(NotFound):
        revoke_token(token_id=token.pk, by=other)


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\x00b"])
def test_a_name_is_needed(grant, name):
    with pytest.raises(Invalid):
        create_token(grant_id=grant.pk, name=name, by=grant.applicant)


def test_names_are_told_apart_and_not_too_many(grant):
    for number in range(MOST):
        create_token(grant_id=grant.pk, name=f"n{number}", by=grant.applicant)
    for name in ("n0", "another"):
        with pytest.raises(Conflict):
            create_token(grant_id=grant.pk, name=name, by=grant.applicant)
    revoke_token(token_id=grant.access_tokens.get(name="n0").pk, by=grant.applicant)
    create_token(grant_id=grant.pk, name="n0", by=grant.applicant)


def test_a_grant_that_is_over_gets_none():
    grant = GrantFactory(revoked_at=timezone.now())
    with pytest.raises(Conflict):
        create_token(grant_id=grant.pk, name="a", by=grant.applicant)


def test_a_link_is_no_access_token_and_the_other_way_round(grant):
    """One secret under two salts: neither opens the other's door."""
    link, text = make_link(grant)
    secret = text.split(".")[1]
    assert not resolve(write_token(link.pk, secret, Sort.ACCESS), timezone.now()).allowed
    assert not resolve(f"pat-{text}", timezone.now()).allowed
