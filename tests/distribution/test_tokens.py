"""Tokens: only ours are genuine, no spelling breaks the reader, and the work is always the same."""

import uuid

import pytest
from django.core.signing import Signer
from hypothesis import given
from hypothesis import strategies as st

from requests_app.distribution import tokens
from requests_app.distribution.tokens import digest, new_secret, read_token, write_token

LINK = uuid.UUID("12345678-1234-5678-1234-567812345678")
TOKEN = write_token(LINK, "s" * 43)


def test_a_token_says_which_link_and_proves_its_secret():
    secret = new_secret()
    claim = read_token(write_token(LINK, secret))
    assert (claim.row_id, claim.secret_sha256, claim.genuine) == (LINK, digest(secret), True)


def test_secrets_are_long_and_never_the_same():
    assert {len(new_secret()) for _ in range(100)} == {43}
    assert len({new_secret() for _ in range(100)}) == 100


@pytest.mark.parametrize("at", range(len(TOKEN)))
def test_every_character_counts(at):
    other = "B" if TOKEN[at] != "B" else "C"
    assert not read_token(TOKEN[:at] + other + TOKEN[at + 1 :]).genuine


@pytest.mark.parametrize(
    "token",
    [
        *[
            "",
            ".",
            "..",
            TOKEN[:-1],
            f"{TOKEN}A",
            f"{TOKEN}=",
            f" {TOKEN}",
            f"{TOKEN}\n",
            TOKEN * 90,
        ],
        *[TOKEN.replace(".", ":"), TOKEN.upper(), "é" * 110, "\0"],
    ],
)
def test_what_is_not_a_token_is_not_genuine(token):
    assert not read_token(token).genuine


@given(st.text())
def test_no_text_breaks_the_reader(text):
    assert not read_token(text).genuine


def test_another_signature_of_the_portal_is_no_token():
    body = TOKEN.rpartition(".")[0]
    assert not read_token(Signer(salt="another purpose", sep=".").sign(body)).genuine


def test_a_retired_key_still_opens_while_it_is_a_fallback(settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new key " * 6
    assert read_token(TOKEN).genuine
    settings.SECRET_KEY_FALLBACKS = []
    assert not read_token(TOKEN).genuine


@pytest.mark.parametrize("token", [TOKEN, TOKEN[:-1] + "_", "nonsense", "", "x" * 5000])
def test_the_work_does_not_depend_on_the_token(token, monkeypatch):
    done = []
    unsign = Signer.unsign
    monkeypatch.setattr(
        Signer, "unsign", lambda self, text: done.append(len(text)) or unsign(self, text)
    )
    monkeypatch.setattr(tokens, "digest", lambda secret: done.append(len(secret)) or digest(secret))
    read_token(token)
    assert done == [110, 43]
