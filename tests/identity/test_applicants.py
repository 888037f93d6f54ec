"""Accounts: whose mailbox they are, and taking a person out of one."""

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.test import Client

from requests_app.audit import kinds, log
from requests_app.audit.models import Entry
from requests_app.errors import Conflict, NotFound
from requests_app.identity import applicants
from requests_app.identity.models import User
from requests_app.identity.verdict import Standing
from tests.factories.identity import PASSWORD, ApplicantFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("spelling", ["ada@monash.edu", "ADA@Monash.edu.", "ada+x@monash.edu"])
def test_an_account_is_found_by_every_spelling_of_its_mailbox(spelling: str) -> None:
    user = UserFactory(email="ada+first@monash.edu")
    assert applicants.account_with(spelling) == user
    assert applicants.account_with("bob@monash.edu") is None


def test_an_address_is_stored_in_one_spelling_however_the_account_is_made() -> None:
    user = User.objects.create_user("Ada@MONASH.edu", PASSWORD)
    assert (user.email, user.canonical_email) == ("ada@monash.edu", "ada@monash.edu")


def test_only_a_verified_address_counts_and_only_the_present_one() -> None:
    assert applicants.verified_email(UserFactory()) is None
    user = ApplicantFactory(email="ada@monash.edu")
    assert applicants.verified_email(user) == "ada@monash.edu"
    user.email = "ada@ox.ac.uk"
    user.save()
    assert applicants.verified_email(user) is None
    assert applicants.verified_at(user) is None


def test_when_an_address_was_verified_is_known_from_the_log() -> None:
    user = ApplicantFactory()
    assert applicants.verified_at(user) is None
    applicants.record_verified(user.email, user, by=user)
    assert applicants.verified_at(user) == Entry.objects.get(kind=kinds.EMAIL_VERIFIED).at


def test_the_verdict_on_a_user_is_that_of_this_moment() -> None:
    assert applicants.verdict_on(UserFactory()).standing is Standing.INSTITUTION


def test_a_pseudonymised_account_holds_nobody_and_opens_for_nobody() -> None:
    user = ApplicantFactory(email="ada@monash.edu", full_name="Ada Łarus", is_staff=True)
    user.groups.add(Group.objects.get_or_create(name="Approvers")[0])
    client = Client()
    client.force_login(user)
    applicants.pseudonymise(user_id=user.pk, by=log.OPERATOR, reason="asked to be forgotten")

    user = User.objects.get(pk=user.pk)
    everything = " ".join(str(value) for value in vars(user).values())
    assert not any(each in everything.lower() for each in ("ada@", "łarus", "monash.edu"))
    assert not EmailAddress.objects.filter(user=user).exists()
    assert not user.groups.exists()
    assert not any((user.is_active, user.is_staff, user.is_superuser, user.has_usable_password()))
    assert client.get("/accounts/email/").status_code == 302
    entry = Entry.objects.get(kind=kinds.ACCOUNT_PSEUDONYMISED)
    assert (entry.actor, entry.subject) == (log.OPERATOR.audit_ref, user.audit_ref)
    assert entry.details == {}
    assert entry.personal_values.get(field="reason").value == "asked to be forgotten"


def test_the_mailbox_of_a_pseudonymised_account_is_free_again() -> None:
    user = ApplicantFactory(email="ada@monash.edu")
    applicants.pseudonymise(user_id=user.pk, by=log.OPERATOR, reason="left")
    assert UserFactory(email="ada@monash.edu").pk != user.pk


def test_pseudonymising_twice_or_nobody_is_refused_with_a_sentence() -> None:
    user = ApplicantFactory()
    applicants.pseudonymise(user_id=user.pk, by=log.OPERATOR, reason="left")
    with pytest.raises(Conflict):
        applicants.pseudonymise(user_id=user.pk, by=log.OPERATOR, reason="left")
    with pytest.raises(NotFound):
        applicants.pseudonymise(user_id=0, by=log.OPERATOR, reason="left")
    assert Entry.objects.filter(kind=kinds.ACCOUNT_PSEUDONYMISED).count() == 1
