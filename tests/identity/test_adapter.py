"""What allauth asks of the adapter that no page of ours reaches."""

import re
from pathlib import Path

import allauth.account
import pytest
from django.core.exceptions import ValidationError
from django.template.loader import get_template

from requests_app.errors import Misconfigured
from requests_app.identity.adapter import AccountAdapter
from requests_app.notifications.models import Message

# Of features the portal does not switch on; whoever switches one on gives it a message.
OFF = {"base_notification", "email_deleted", "login_code", "password_reset_key"}
CONTEXT = {"code": "ABCD-1234", "to_email": "ada@ox.ac.uk"}


def prefixes() -> set[str]:
    """Every message that the installed allauth can send for accounts, read from its source."""
    source = Path(allauth.account.__file__).parent
    texts = (path.read_text("utf-8") for path in source.rglob("*.py") if "tests" not in path.parts)
    return {name for text in texts for name in re.findall(r'"account/email/(\w+)"', text)}


def test_allauth_sends_nothing_that_the_portal_has_no_words_for() -> None:
    assert len(prefixes()) > 8
    assert {"email_confirmation_signup", "account_already_exists"} <= prefixes()


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(prefixes() - OFF))
def test_every_message_of_allauth_becomes_a_row_of_the_outbox(name: str) -> None:
    AccountAdapter().send_mail(f"account/email/{name}", "Ada@Monash.edu", CONTEXT)
    message = Message.objects.get()
    assert message.recipient == "ada@monash.edu"
    assert message.subject
    for part in ("subject.txt", "body.txt", "body.html"):
        assert get_template(f"emails/{message.name}/{part}")


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted((prefixes() & OFF) | {"something_new"}))
def test_a_message_without_words_is_an_error_and_not_silence(name: str) -> None:
    with pytest.raises(Misconfigured):
        AccountAdapter().send_mail(f"account/email/{name}", "ada@monash.edu", CONTEXT)
    assert not Message.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["ada", "ada@gmail.com", "ada@monash.edu\r\nBcc: eve@evil.com"])
def test_an_address_that_comes_past_our_forms_is_judged_all_the_same(address: str) -> None:
    with pytest.raises(ValidationError):
        AccountAdapter().clean_email(address)


@pytest.mark.django_db
def test_an_accepted_address_comes_back_in_its_one_spelling() -> None:
    assert AccountAdapter().clean_email(" Ada@MONASH.edu. ") == "ada@monash.edu"
