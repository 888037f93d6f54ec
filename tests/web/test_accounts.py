"""Accounts as a visitor meets them: over HTTP, with what arrives by mail."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.identity import applicants
from requests_app.identity.models import InstitutionDomain, User
from requests_app.notifications.models import Message
from tests.factories.identity import PASSWORD, ApplicantFactory, InstitutionDomainFactory

pytestmark = pytest.mark.django_db(transaction=True)

SIGNUP = reverse("account_signup")
CONFIRM = reverse("account_email_verification_sent")
LOGIN = reverse("account_login")
RESET = reverse("account_reset_password")
RESET_CODE = reverse("account_confirm_password_reset_code")


@pytest.fixture(autouse=True)
def _fresh_limits() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def sign_up(client: Client, email: str, **extra: str):
    data = {"email": email, "password1": PASSWORD, "password2": PASSWORD, "next": "/healthz"}
    return client.post(SIGNUP, data | extra)


def code_mailed_to(address: str) -> str:
    bodies = [message.body for message in mail.outbox if message.to == [address]]
    found = re.findall(r"^ {4}(\S+)$", bodies[-1], re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


def confirm(client: Client, code: str):
    return client.post(CONFIRM, {"code": code})


def wrong(code: str) -> str:
    return "".join("X" if char != "X" else "Y" for char in code)


def visible(response, *addresses: str) -> str:
    """A response as the outside sees it, with what must differ (address, CSRF token) taken out."""
    page = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", response.content.decode())
    for address in addresses:
        page = page.replace(address, "ADDRESS")
    cookies = sorted(response.cookies)
    return f"{response.status_code} {response.headers.get('Location', '')} {cookies}\n{page}"


# --- signing up -----------------------------------------------------------------------------------


def test_a_visitor_signs_up_with_the_code_from_the_mail_and_is_signed_in(client: Client) -> None:
    response = sign_up(client, "ada@monash.edu")
    assert (response.status_code, response.headers["Location"].split("?")[0]) == (302, CONFIRM)
    user = User.objects.get(email="ada@monash.edu")
    assert applicants.verified_email(user) is None
    assert "_auth_user_id" not in client.session

    response = confirm(client, code_mailed_to("ada@monash.edu"))
    assert response.status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)
    assert applicants.verified_email(user) == "ada@monash.edu"
    verified_at = applicants.verified_at(user)
    assert verified_at is not None
    assert timezone.now() - verified_at < timedelta(minutes=1)


def test_each_deed_leaves_one_entry_with_the_verdict_and_where_it_came_from(client: Client) -> None:
    client.post(
        SIGNUP,
        {"email": "ada@monash.edu", "password1": PASSWORD, "password2": PASSWORD},
        headers={"User-Agent": "Test browser"},
    )
    confirm(client, code_mailed_to("ada@monash.edu"))
    user = User.objects.get()
    story = list(Entry.objects.filter(subject=user.audit_ref).order_by("pk"))
    assert [entry.kind for entry in story] == [
        kinds.ACCOUNT_CREATED,
        kinds.EMAIL_VERIFIED,
        kinds.SIGNED_IN,
    ]
    assert story[0].details == {"standing": "institution", "domain": "monash.edu"}
    personal = {value.field: value.value for value in story[0].personal_values.all()}
    assert personal["email"] == "ada@monash.edu"
    assert personal["ip"] == "127.0.0.1"
    assert personal["user_agent"] == "Test browser"
    assert "ada@" not in str(story[0].details)


def test_no_account_where_its_entry_cannot_be_written(client: Client, monkeypatch) -> None:
    monkeypatch.delitem(kinds.KINDS, kinds.ACCOUNT_CREATED)
    client.raise_request_exception = False
    assert sign_up(client, "ada@monash.edu").status_code == 500
    assert not User.objects.exists()
    assert not EmailAddress.objects.exists()
    assert mail.outbox == []


def test_nobody_is_signed_in_where_the_entry_cannot_be_written(client: Client, monkeypatch) -> None:
    ApplicantFactory(email="ada@monash.edu")
    monkeypatch.delitem(kinds.KINDS, kinds.SIGNED_IN)
    client.raise_request_exception = False
    response = client.post(LOGIN, {"login": "ada@monash.edu", "password": PASSWORD})
    assert response.status_code == 500
    assert "_auth_user_id" not in Client(cookies=client.cookies).session
    assert User.objects.get().last_login is None


TYPED_AND_STORED = {
    "Ada@MONASH.edu": "ada@monash.edu",
    "  ada@monash.edu ": "ada@monash.edu",
    "ada@monash.edu.": "ada@monash.edu",
    "ada@eng.monash.edu": "ada@eng.monash.edu",
    "ada+cmed@monash.edu": "ada+cmed@monash.edu",
    "ada@universität-ulm.de": "ada@xn--universitt-ulm-eib.de",
    "ada@robotics-company.com": "ada@robotics-company.com",
}


@pytest.mark.parametrize(("typed", "stored"), TYPED_AND_STORED.items())
def test_an_address_is_taken_in_any_spelling_and_kept_in_one(
    client: Client, typed: str, stored: str
) -> None:
    assert sign_up(client, typed).status_code == 302
    assert User.objects.get().email == stored
    assert EmailAddress.objects.get().email == stored
    confirm(client, code_mailed_to(stored))
    client.logout()
    response = client.post(LOGIN, {"login": typed, "password": PASSWORD, "next": "/healthz"})
    assert response.status_code == 302
    assert "_auth_user_id" in client.session


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("ada@gmail.com", "university or company"),
        ("ada@GMAIL.com.", "university or company"),
        ("ada@mailinator.com", "university or company"),
        ("ada@x.mailinator.com", "university or company"),
        ("ada@ac.uk", "university or company"),
        ("ada", "looks like"),
        ('"ada"@monash.edu', "quotation marks"),
        ("ada@monash.edu\r\nBcc: eve@evil.com", "control character"),
    ],
)
def test_a_refused_address_gets_a_sentence_keeps_the_input_and_leaves_nothing(
    client: Client, typed: str, sentence: str
) -> None:
    response = sign_up(client, typed)
    assert response.status_code == 200
    assert sentence in response.context["form"].errors["email"][0]
    assert not User.objects.exists()
    assert not Message.objects.exists()


def test_the_operators_rules_stand_above_the_lists(client: Client) -> None:
    allow, deny = InstitutionDomain.Standing.ALLOW, InstitutionDomain.Standing.DENY
    InstitutionDomainFactory(domain="gmail.com", standing=allow)
    InstitutionDomainFactory(domain="monash.edu", standing=deny)
    assert sign_up(client, "ada@gmail.com").status_code == 302
    response = sign_up(Client(), "ada@monash.edu")
    assert "not accepted" in response.context["form"].errors["email"][0]


def test_an_institution_is_named_on_the_next_page(client: Client) -> None:
    sign_up(client, "ada@monash.edu")
    assert "monash.edu is the domain of Monash University." in client.get(CONFIRM).content.decode()


def test_an_unknown_company_may_sign_up_and_its_verdict_is_told_and_on_record(
    client: Client,
) -> None:
    sign_up(client, "ada@robotics-company.com")
    assert "Company or unknown: a person will look." in client.get(CONFIRM).content.decode()
    entry = Entry.objects.get(kind=kinds.ACCOUNT_CREATED)
    assert entry.details == {"standing": "unknown", "domain": "robotics-company.com"}


# --- the code -------------------------------------------------------------------------------------


def test_a_code_dies_after_three_wrong_attempts(client: Client) -> None:
    sign_up(client, "ada@monash.edu")
    code = code_mailed_to("ada@monash.edu")
    for _ in range(2):
        assert confirm(client, wrong(code)).status_code == 200
    assert confirm(client, wrong(code)).headers["Location"] == LOGIN
    confirm(client, code)
    assert not EmailAddress.objects.get().verified
    assert "_auth_user_id" not in client.session


def test_a_code_dies_after_a_quarter_of_an_hour(client: Client) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_up(client, "ada@monash.edu")
        code = code_mailed_to("ada@monash.edu")
        assert "15 minutes" in mail.outbox[-1].body
        clock.shift(timedelta(minutes=15, seconds=1))
        confirm(client, code)
    assert not EmailAddress.objects.get().verified


def test_a_code_is_worth_nothing_in_another_browser(client: Client) -> None:
    sign_up(client, "ada@monash.edu")
    other = Client()
    sign_up(other, "eve@monash.edu")
    confirm(other, code_mailed_to("ada@monash.edu"))
    assert not EmailAddress.objects.filter(verified=True).exists()


def test_a_new_code_can_be_had_and_replaces_the_old_one(client: Client) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_up(client, "ada@monash.edu")
        old = code_mailed_to("ada@monash.edu")
        clock.shift(timedelta(seconds=11))
        client.post(CONFIRM, {"action": "resend"})
        new = code_mailed_to("ada@monash.edu")
        assert new != old
        confirm(client, old)
        assert not EmailAddress.objects.get().verified
        confirm(client, new)
    assert EmailAddress.objects.get().verified


def test_nothing_opens_before_the_address_is_verified(client: Client) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_up(client, "ada@monash.edu")
        clock.shift(timedelta(seconds=11))
        other = Client()
        response = other.post(LOGIN, {"login": "ada@monash.edu", "password": PASSWORD})
    assert response.headers["Location"].split("?")[0] == CONFIRM
    assert "_auth_user_id" not in other.session


# --- nobody learns who has an account ------------------------------------------------------------


@pytest.mark.parametrize(
    "again", ["ada@monash.edu", "ADA@monash.edu", "ada+second@monash.edu", "ada@monash.edu."]
)
def test_signing_up_again_looks_like_the_first_time_and_tells_the_holder(again: str) -> None:
    ApplicantFactory(email="ada@monash.edu")
    stored = again.lower().rstrip(".")
    known, new = Client(), Client()
    first = visible(sign_up(known, again), stored)
    assert first == visible(sign_up(new, "bob@monash.edu"), "bob@monash.edu")
    assert User.objects.filter(canonical_email="ada@monash.edu").count() == 1

    pages = visible(known.get(CONFIRM), stored), visible(new.get(CONFIRM), "bob@monash.edu")
    assert pages[0] == pages[1]
    for _ in range(3):
        answers = (
            visible(confirm(known, "WRONGONE"), stored),
            visible(confirm(new, "WRONGONE"), "bob@monash.edu"),
        )
        assert answers[0] == answers[1]
    told = [message for message in mail.outbox if message.to == [stored]]
    assert [message.subject for message in told] == ["You already have an account here"]


def test_signing_up_again_costs_a_password_hash_and_an_entry_too(
    client: Client, monkeypatch
) -> None:
    hashed: list[str] = []
    monkeypatch.setattr("requests_app.identity.adapter.make_password", hashed.append)
    holder = ApplicantFactory(email="ada@monash.edu")
    sign_up(client, "ada+x@monash.edu")
    assert len(hashed) == 1
    entry = Entry.objects.get(kind=kinds.SIGN_UP_REPEATED)
    assert entry.actor == "anyone"
    assert entry.subject == holder.audit_ref


def test_nobody_is_kept_out_by_whoever_signed_up_with_their_mailbox_before(client: Client) -> None:
    """A tag makes another address of a mailbox; its owner still gets the account, by its name."""
    sign_up(Client(), "ada+theirs@monash.edu")
    sign_up(client, "ada@monash.edu")
    letter = mail.outbox[-1]
    assert letter.to == ["ada@monash.edu"]
    for body in (letter.body, str(letter.alternatives[0][0])):
        assert "ada+theirs@monash.edu" in body
    client.post(RESET, {"email": "ada+theirs@monash.edu"})
    code = code_mailed_to("ada+theirs@monash.edu")
    url = client.post(RESET_CODE, {"code": code}, follow=True).redirect_chain[-1][0]
    client.post(url, {"password1": "another good one 77", "password2": "another good one 77"})
    user = User.objects.get()
    assert user.check_password("another good one 77")
    assert applicants.verified_email(user) == "ada+theirs@monash.edu"


def test_two_who_sign_up_with_one_address_at_once_get_the_same_answer(
    client: Client, monkeypatch
) -> None:
    ApplicantFactory(email="ada@monash.edu")
    looked: list[str] = []
    truly = applicants.account_with

    def too_early(address: str) -> User | None:
        looked.append(address)
        return None if len(looked) == 1 else truly(address)

    monkeypatch.setattr(applicants, "account_with", too_early)
    response = sign_up(client, "ada+late@monash.edu")
    assert (response.status_code, response.headers["Location"].split("?")[0]) == (302, CONFIRM)
    assert User.objects.count() == 1
    assert mail.outbox[-1].subject == "You already have an account here"


def test_asking_for_a_new_password_looks_the_same_with_and_without_an_account() -> None:
    ApplicantFactory(email="ada@monash.edu")
    known, new = Client(), Client()
    assert visible(known.post(RESET, {"email": "ada@monash.edu"}), "ada@monash.edu") == visible(
        new.post(RESET, {"email": "bob@monash.edu"}), "bob@monash.edu"
    )
    assert visible(known.get(RESET_CODE), "ada@monash.edu") == visible(
        new.get(RESET_CODE), "bob@monash.edu"
    )
    for _ in range(3):
        assert visible(known.post(RESET_CODE, {"code": "WRONGONE"}), "ada@monash.edu") == visible(
            new.post(RESET_CODE, {"code": "WRONGONE"}), "bob@monash.edu"
        )
    subjects = {message.to[0]: message.subject for message in mail.outbox}
    assert subjects == {
        "ada@monash.edu": "Your code to set a new password",
        "bob@monash.edu": "There is no account for this address",
    }


def test_a_wrong_password_and_an_unknown_address_get_one_answer(client: Client) -> None:
    ApplicantFactory(email="ada@monash.edu")
    wrong_password = client.post(LOGIN, {"login": "ada@monash.edu", "password": "not the password"})
    unknown = Client().post(LOGIN, {"login": "bob@monash.edu", "password": "not the password"})
    assert visible(wrong_password, "ada@monash.edu") == visible(unknown, "bob@monash.edu")
    refused = Entry.objects.filter(kind=kinds.SIGN_IN_FAILED).order_by("pk")
    assert [entry.actor for entry in refused] == ["anyone", "anyone"]
    assert [entry.subject for entry in refused] == ["anyone", "anyone"]


# --- passwords and addresses ---------------------------------------------------------------------


def test_a_new_password_by_code(client: Client) -> None:
    user = ApplicantFactory(email="ada@monash.edu")
    client.post(RESET, {"email": "Ada@Monash.edu"})
    response = client.post(RESET_CODE, {"code": code_mailed_to("ada@monash.edu")}, follow=True)
    url = response.redirect_chain[-1][0]
    client.post(url, {"password1": "another good one 77", "password2": "another good one 77"})
    user.refresh_from_db()
    assert user.check_password("another good one 77")
    entry = Entry.objects.get(kind=kinds.PASSWORD_CHANGED)
    assert entry.details == {"how": "reset"}
    assert mail.outbox[-1].subject == "Your password was changed"


def test_a_new_password_proves_the_address_of_an_account_that_never_did(client: Client) -> None:
    sign_up(client, "ada@monash.edu")
    other = Client()
    other.post(RESET, {"email": "ada@monash.edu"})
    response = other.post(RESET_CODE, {"code": code_mailed_to("ada@monash.edu")}, follow=True)
    url = response.redirect_chain[-1][0]
    other.post(url, {"password1": "another good one 77", "password2": "another good one 77"})
    user = User.objects.get()
    assert applicants.verified_email(user) == "ada@monash.edu"
    assert applicants.verified_at(user) is not None


def test_a_rule_made_later_does_not_keep_anybody_from_a_new_password(client: Client) -> None:
    ApplicantFactory(email="ada@monash.edu")
    InstitutionDomainFactory(domain="monash.edu", standing=InstitutionDomain.Standing.DENY)
    client.post(RESET, {"email": "ada@monash.edu"})
    assert mail.outbox[-1].subject == "Your code to set a new password"


def _signed_in(email: str = "ada@monash.edu") -> tuple[Client, User]:
    user = ApplicantFactory(email=email)
    client = Client()
    client.post(LOGIN, {"login": email, "password": PASSWORD, "next": "/healthz"})
    assert "_auth_user_id" in client.session
    return client, user


def test_changing_the_password_is_recorded_and_told() -> None:
    client, user = _signed_in()
    new = "another good one 77"
    client.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )
    user.refresh_from_db()
    assert user.check_password(new)
    assert Entry.objects.get(kind=kinds.PASSWORD_CHANGED).details == {"how": "changed"}
    assert mail.outbox[-1].to == ["ada@monash.edu"]


def _ask_for(client: Client, email: str):
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": "/healthz"})
    return client.post(reverse("account_email"), {"action_add": "", "email": email})


def test_a_new_address_gets_the_verdict_and_a_code_and_the_old_one_a_notice() -> None:
    client, user = _signed_in()
    refused = _ask_for(client, "ada@gmail.com")
    assert "university or company" in refused.context["form"].errors["email"][0]

    _ask_for(client, "Ada@OX.ac.uk")
    user.refresh_from_db()
    assert user.email == "ada@monash.edu"
    confirm(client, code_mailed_to("ada@ox.ac.uk"))
    user.refresh_from_db()
    assert (user.email, user.canonical_email) == ("ada@ox.ac.uk", "ada@ox.ac.uk")
    assert Entry.objects.get(kind=kinds.EMAIL_CHANGED).details["domain"] == "ox.ac.uk"
    notice = mail.outbox[-1]
    assert (notice.to, "ada@ox.ac.uk" in notice.body) == (["ada@monash.edu"], True)


def test_an_open_session_alone_cannot_change_the_address() -> None:
    client, _ = _signed_in()
    response = client.post(reverse("account_email"), {"action_add": "", "email": "eve@ox.ac.uk"})
    assert response.headers["Location"].startswith(reverse("account_reauthenticate"))
    assert mail.outbox == []


def test_another_spelling_of_somebody_elses_mailbox_cannot_become_ones_address() -> None:
    ApplicantFactory(email="bob@ox.ac.uk")
    client, user = _signed_in()
    _ask_for(client, "bob+me@ox.ac.uk")
    response = confirm(client, code_mailed_to("bob+me@ox.ac.uk"))
    assert "bob+me@ox.ac.uk" in client.get(response.headers["Location"]).content.decode()
    user.refresh_from_db()
    assert user.email == "ada@monash.edu"
    assert not Entry.objects.filter(kind=kinds.EMAIL_CHANGED).exists()


def test_a_closed_account_cannot_sign_in() -> None:
    user = ApplicantFactory(email="ada@monash.edu", is_active=False)
    client = Client()
    client.post(LOGIN, {"login": user.email, "password": PASSWORD})
    assert "_auth_user_id" not in client.session


# --- limits --------------------------------------------------------------------------------------


def test_too_many_wrong_passwords_lock_the_address_for_a_while_and_are_not_all_recorded() -> None:
    ApplicantFactory(email="ada@monash.edu")
    client = Client()
    for _ in range(5):
        client.post(LOGIN, {"login": "ada@monash.edu", "password": "not the password"})
    response = client.post(LOGIN, {"login": "ada@monash.edu", "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    assert "Too many" in str(response.context["form"].errors)
    assert Entry.objects.filter(kind=kinds.SIGN_IN_FAILED).count() == 5


@pytest.mark.parametrize(
    ("path", "data", "allowed"),
    [
        (SIGNUP, {"email": "x"}, 20),
        (LOGIN, {"login": "x"}, 30),
        (RESET, {"email": "a@ox.ac.uk"}, 5),
    ],
)
def test_a_flood_gets_429_with_a_page(path: str, data: dict[str, str], allowed: int) -> None:
    client = Client()
    codes = [client.post(path, data).status_code for _ in range(allowed)]
    assert 429 not in codes
    response = client.post(path, data)
    assert response.status_code == 429
    assert "<h1" in response.content.decode()


def test_a_forged_forwarding_header_does_not_escape_the_limit() -> None:
    client = Client()
    for number in range(21):
        response = client.post(
            SIGNUP, {"email": "x"}, headers={"X-Forwarded-For": f"10.0.0.{number}"}
        )
    assert response.status_code == 429


# --- mail ----------------------------------------------------------------------------------------


def test_mail_is_a_row_first_and_never_sent_inside_the_request(client: Client, monkeypatch) -> None:
    queued: list[dict[str, str]] = []
    monkeypatch.setattr(
        "requests_app.notifications.outbox.queue.enqueue", lambda name, **ids: queued.append(ids)
    )
    sign_up(client, "ada@monash.edu")
    assert mail.outbox == []
    message = Message.objects.get()
    assert queued == [{"message_id": str(message.pk)}]
    assert (message.name, message.recipient) == ("verification_code", "ada@monash.edu")


def test_no_code_stands_in_a_subject_or_stays_in_the_outbox(client: Client) -> None:
    sign_up(client, "ada@monash.edu")
    code = code_mailed_to("ada@monash.edu")
    message = Message.objects.get()
    assert code not in message.subject
    assert message.sent_at is not None
    assert bytes(message.payload) == b""


def test_an_odd_but_valid_address_is_shown_as_it_is(client: Client) -> None:
    sign_up(client, "o'brien&co@monash.edu")
    text = mail.outbox[-1].body
    html = mail.outbox[-1].alternatives[0][0]
    assert "o'brien&co@monash.edu" in text
    assert "o&#x27;brien&amp;co@monash.edu" in html
