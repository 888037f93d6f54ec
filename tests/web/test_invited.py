"""An invited person's pages: no account, a code from the mailbox, and every end said plainly."""

import logging
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from requests_app import conf
from requests_app.agreements import gathering
from requests_app.agreements.inviting import remind
from requests_app.agreements.models import Agreement
from requests_app.agreements.outstanding import Outcome, outcome
from requests_app.agreements.signatories import Signatory
from requests_app.notifications.models import Message
from requests_app.requests.states import State
from requests_app.web.redaction import redact
from tests.factories.invited import code_of, has_signed, inviting, named, token_of
from tests.web.form_filling import beside, fields, summary, text

pytestmark = pytest.mark.django_db

SECRETIVE = {"Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer"}


@pytest.fixture(autouse=True)
def _fresh_limits():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def agreement() -> Agreement:
    return inviting("Ada Larus", "Bo Sterna", research_title="Moods of gulls")


@pytest.fixture
def ada(agreement) -> Signatory:
    return named(agreement, "Ada Larus")


def page(signatory: Signatory) -> str:
    return reverse("invited_sign", args=[token_of(signatory)])


def refusal(signatory: Signatory) -> str:
    return reverse("invited_refuse", args=[token_of(signatory)])


def filled(client: Client, signatory: Signatory, **changes):
    """Asks for a code, reads the mail, and fills in the form that the page then has."""
    client.post(page(signatory), {"then": "code"})
    whole = {
        "code": code_of(signatory),
        "then": "sign",
        "affirmations": ["instructed", "only_here"],
        "consent_electronic": "on",
        "typed_name": signatory.name,
    }
    return fields(client.get(page(signatory)).content, **(whole | changes))


def sign(client: Client, signatory: Signatory, **changes):
    return client.post(page(signatory), filled(client, signatory, **changes))


def signed(signatory: Signatory) -> bool:
    return outcome(Signatory.objects.get(pk=signatory.pk)) is Outcome.SIGNED


def codes_sent() -> int:
    return Message.objects.filter(name="signing_code").count()


def test_the_page_says_who_invites_to_what_and_shows_the_whole_agreement(client, ada):
    response = client.get(page(ada))
    shown = text(response.content)
    applicant = ada.agreement.values["applicant_name"]
    for words in (applicant, "Ada Larus", ada.email, "Moods of gulls", "what gulls feel."):
        assert words in shown
    assert "365 days" in shown
    assert not codes_sent()


def test_the_signature_asks_for_each_affirmation_once_the_code_is_sent(client, ada):
    asked = client.post(page(ada), {"then": "code"})
    assert asked.url == f"{page(ada)}#signature", "going back must not send it again"
    response = client.get(page(ada))
    shown = text(response.content)
    for words in ("I was told how to treat gulls.", "I agree to sign on this page."):
        assert words in shown
    assert f"A code is on its way to {ada.email}" in shown
    assert "simple electronic signature" in shown
    assert "I may bind the institution." not in shown
    assert not {"affirmations", "consent_electronic", "password"} & set(fields(response.content))


def test_nothing_of_it_is_kept_or_passed_on(client, ada):
    answers = [
        client.get(page(ada)),
        client.post(page(ada)),
        client.get(refusal(ada)),
        client.put(page(ada)),
        client.get(reverse("invited_sign", args=["nonsense"])),
    ]
    for response in answers:
        assert {name: response.headers[name] for name in SECRETIVE} == SECRETIVE
        assert not response.cookies
    assert token_of(ada) not in str(client.get(page(ada)).content).partition("</title>")[0]


def test_no_log_line_holds_the_secret(client, ada, caplog):
    with caplog.at_level(logging.WARNING):
        client.put(page(ada))
    assert "/sign/…/" in caplog.text
    assert token_of(ada) not in caplog.text
    line = "GET /requests/0b1f/sign/ HTTP/1.1"
    assert redact(line) == line


def test_a_browser_without_cookies_that_names_no_origin_can_sign(ada):
    strict = Client(enforce_csrf_checks=True, headers={"origin": "null"})
    assert sign(strict, ada).status_code == 302
    assert signed(ada)


def test_signing_says_what_happens_next(client, ada):
    done = client.post(page(ada), filled(client, ada), follow=True)
    assert signed(ada)
    assert "You have signed" in text(done.content)
    assert "Others have yet to sign" in text(done.content)


def test_a_new_code_costs_nothing_that_was_typed(client, ada):
    sent = filled(client, ada, then="code", affirmations=["instructed"])
    again = client.post(page(ada), sent)
    kept = fields(again.content)
    assert kept["affirmations"] == ["instructed"]
    assert (kept["consent_electronic"], kept["typed_name"]) == (["on"], ["Ada Larus"])
    assert not summary(again.content)
    assert codes_sent() == 2


def test_the_last_one_submits_the_request_and_reads_so(client, agreement, ada):
    has_signed(named(agreement, "Bo Sterna"))
    sign(client, ada)
    agreement.access_request.refresh_from_db()
    assert agreement.access_request.state == State.SUBMITTED
    assert "Everybody has signed" in text(client.get(page(ada)).content)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"affirmations": ["instructed"]}, "affirmations"),
        ({"affirmations": ["instructed", "may_bind"]}, "affirmations"),
        ({"consent_electronic": []}, "consent_electronic"),
        ({"typed_name": "Somebody Else"}, "typed_name"),
        ({"code": ""}, "code"),
        ({"code": "12 34"}, "code"),
    ],
)
def test_what_is_missing_is_told_beside_its_field_and_nothing_is_signed(
    client, ada, changes, field
):
    answer = sign(client, ada, **changes)
    assert answer.status_code == 400
    assert beside(answer.content, field)
    assert summary(answer.content)[0][1]
    assert not signed(ada)


def test_a_forgotten_tick_costs_no_try_of_the_code(client, ada):
    sent = filled(client, ada)
    for _ in range(6):
        client.post(page(ada), {**sent, "affirmations": []})
    assert client.post(page(ada), sent).status_code == 302


def test_five_wrong_codes_end_the_code(client, ada):
    sent = filled(client, ada)
    wrong = f"{(int(sent['code']) + 1) % 10**6:06d}"
    for _ in range(5):
        assert client.post(page(ada), {**sent, "code": wrong}).status_code == 400
    right = client.post(page(ada), sent)
    assert "Ask for a new code" in beside(right.content, "code")[0]
    assert "A code is on its way" not in text(right.content)
    assert fields(right.content)["typed_name"] == ["Ada Larus"]
    assert not signed(ada)


def test_two_tabs_share_the_code_and_pressing_twice_signs_once(client, ada):
    sent = filled(client, ada)
    other = Client()
    assert b'name="code"' in other.get(page(ada)).content
    assert client.post(page(ada), sent).status_code == 302
    again = other.post(page(ada), sent)
    assert "You have signed this agreement already" in text(again.content)
    assert codes_sent() == 1


def test_a_forged_page_is_shown_anew(client, ada):
    answer = sign(client, ada, shown_sha256="0" * 64)
    assert answer.status_code == 409
    assert "Nothing was signed" in text(answer.content)
    assert "affirmations" not in fields(answer.content)
    assert not signed(ada)


def test_attempts_are_limited(client, ada):
    statuses = {client.post(page(ada), {"then": "sign"}).status_code for _ in range(25)}
    assert 429 in statuses
    assert not signed(ada)


def test_who_is_held_back_keeps_what_was_typed(client, ada):
    sent = filled(client, ada)
    for _ in range(25):
        client.post(page(ada), {"then": "sign"})
    answer = client.post(page(ada), sent)
    assert answer.status_code == 429
    assert "Too many attempts from your address" in text(answer.content)
    kept = fields(answer.content)
    for name in ("typed_name", "code", "affirmations", "consent_electronic"):
        assert kept[name] in (sent[name], [sent[name]]), name
    asked = client.post(page(ada), {**sent, "then": "code"})
    assert asked.status_code == 429
    assert fields(asked.content)["typed_name"] == [sent["typed_name"]]
    assert codes_sent() == 1
    said = client.post(refusal(ada), {"reason": "Too kind to gulls."})
    assert said.status_code == 429
    assert "Too kind to gulls.</textarea>" in said.content.decode()
    assert not signed(ada)
    assert not ada.exits.exists()


def test_saying_no_is_a_page_of_its_own_with_a_reason(client, agreement, ada):
    assert refusal(ada) in client.get(page(ada)).content.decode()
    asked = client.get(refusal(ada))
    assert ada.agreement.access_request.dataset.card["contact"]["email"] in text(asked.content)
    blank = client.post(refusal(ada), {"reason": " "})
    assert blank.status_code == 400
    assert beside(blank.content, "reason")
    forwarded = client.post(refusal(ada), {"reason": "x", "code": "000000x"})
    assert beside(forwarded.content, "code")
    sent = client.post(refusal(ada), {"reason": "Too kind.\nTo gulls.", "then": "code"})
    assert "Too kind.\nTo gulls." in fields(sent.content)["reason"][0]
    assert "A code is on its way to" in text(sent.content)
    whole = {"reason": "Too kind.\nTo gulls.", "code": code_of(ada)}
    done = client.post(refusal(ada), whole, follow=True)
    assert "You did not accept" in text(done.content)
    assert "You did not accept" in text(client.post(refusal(ada), {"reason": "x"}).content)
    assert sign_status(client, ada) == 200
    letter = Message.objects.get(name="signature_refused")
    assert letter.recipient == agreement.signer.email


def sign_status(client, signatory):
    """What a late signature meets."""
    answer = client.post(page(signatory), {"then": "sign"})
    assert not signed(signatory)
    return answer.status_code


class TestEnds:
    """An invitation that does not open says why; 410 says it to programs."""

    def test_unknown(self, client):
        for secret in ("nonsense", "x" * 43, "a\0b", "é" * 200):
            answer = client.get(reverse("invited_sign", args=[secret]))
            assert answer.status_code == 404
            assert "no such invitation" in text(answer.content)

    def test_expired(self, client, ada):
        at = page(ada)
        with time_machine.travel(timezone.now() + conf.invitation_term()):
            for answer in (client.get(at), client.post(at, {"then": "sign"})):
                assert answer.status_code == 410
                assert "has expired" in text(answer.content)

    def test_replaced(self, client, agreement, ada):
        old = page(ada)
        with time_machine.travel(timezone.now() + timedelta(days=2)):
            remind(signatory_id=ada.pk, by=agreement.signer)
            assert client.get(page(ada)).status_code == 200
            answer = client.get(old)
        assert answer.status_code == 410
        assert "A newer invitation was sent" in text(answer.content)

    def test_removed(self, client, agreement, ada):
        at = page(ada)
        gathering.remove(signatory_id=ada.pk, by=agreement.signer, reason="Left.")
        answer = client.get(at)
        assert answer.status_code == 410
        assert "You are not asked to sign any more" in text(answer.content)
        assert "Left." not in text(answer.content)

    def test_stopped(self, client, agreement, ada):
        bo = has_signed(named(agreement, "Bo Sterna"))
        gathering.stop_collecting(
            access_request_id=agreement.access_request_id, by=agreement.signer
        )
        waiting, done = client.get(page(ada)), client.get(page(bo))
        assert waiting.status_code == 410
        assert "has stopped this signing" in text(waiting.content)
        assert "your signature has no effect" in text(done.content)


HOSTILE = "<script>alert(1)</script> {{ 7*7 }} [[purpose]]"


@pytest.mark.parametrize("name", [HOSTILE, "محمد علي", "陈伟", "N" * 200])
def test_odd_names_are_shown_as_typed_and_sign(client, name):
    signatory = named(inviting(name), name)
    response = client.get(page(signatory))
    assert name in text(response.content)
    assert b"<script>alert" not in response.content
    assert sign(client, signatory).status_code == 302


def test_an_institution_signs_with_its_own_affirmations(client):
    agreement = inviting(signatory=True)
    dean = named(agreement, "Dean Larus")
    client.post(page(dean), {"then": "code"})
    shown = text(client.get(page(dean)).content)
    assert "asks you to sign this agreement for Pier University" in shown
    assert "I may bind the institution." in shown
    assert "I was told how to treat gulls." not in shown
