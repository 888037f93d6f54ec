"""One spelling for each address, and a sentence for everything that is none."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from requests_app.errors import Invalid
from requests_app.identity.addresses import (
    MalformedAddress,
    canonical,
    chain,
    is_public_suffix,
    normalise,
    parse,
    registrable,
)

TYPED_AND_STORED = {
    "ada@monash.edu": "ada@monash.edu",
    "  Ada@Monash.EDU ": "ada@monash.edu",
    "ada@monash.edu.": "ada@monash.edu",
    "ada+cmed@monash.edu": "ada+cmed@monash.edu",
    "ada@cs.monash.edu": "ada@cs.monash.edu",
    "ａｄａ＠ｍｏｎａｓｈ．ｅｄｕ": "ada@monash.edu",
    "ada\u00a0@monash.edu".replace("\u00a0", ""): "ada@monash.edu",
    "\u00a0ada@monash.edu\u3000": "ada@monash.edu",
    "ada@Universität.de": "ada@xn--universitt-y5a.de",
    "ada@XN--Universitt-Y5A.de": "ada@xn--universitt-y5a.de",
    "ada@清华大学。中国": "ada@xn--xkry9kk1bz66a.xn--fiqs8s",
    "o'brien_x-y@uni.ie": "o'brien_x-y@uni.ie",
}


@pytest.mark.parametrize(("typed", "stored"), TYPED_AND_STORED.items())
def test_every_spelling_of_an_address_is_stored_as_one(typed: str, stored: str) -> None:
    assert normalise(typed) == stored


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "ada",
        "@monash.edu",
        "ada@",
        "ada@localhost",
        "ada@monash.edu..",
        "ada@.monash.edu",
        "ada@mon ash.edu",
        "ada@mon_ash.edu",
        "ada@-monash.edu",
        "ada@[127.0.0.1]",
        "ada@127.0.0.1",
        "ada@xn--a.de",
        '"ada lovelace"@monash.edu',
        '"ada"@monash.edu',
        "ada lovelace@monash.edu",
        ".ada@monash.edu",
        "ada.@monash.edu",
        "a..b@monash.edu",
        "ada@evil.com@monash.edu",
        "ädä@monash.edu",
        "ada@monash.edu\r\nBcc: eve@evil.com",
        "ada@monash.edu\n",
        "ada\x00@monash.edu",
        "ada@mon\u200bash.edu",
        "\u202eada@monash.edu",
        "a" * 65 + "@monash.edu",
        "a" * 60 + "@" + ".".join(["b" * 50] * 4) + ".edu",
        "ada@" + "b" * 64 + ".edu",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence_at_the_field(typed: str) -> None:
    with pytest.raises(MalformedAddress) as caught:
        parse(typed)
    assert caught.value.message.endswith(".")
    assert caught.value.fields == {"email": [caught.value.message]}


@given(st.text())
@example("a@\u2488b.c")
@example("a@xn--.c")
@example("a@b.\ud800")
@example("ŉ@b.c")
def test_any_text_is_an_address_or_a_domain_error_and_never_anything_else(text: str) -> None:
    try:
        address = parse(text)
    except Invalid:
        return
    assert parse(address.normal) == address


_LOCAL = st.text(string.ascii_letters + string.digits + "+-_'", min_size=1, max_size=20)
_LABEL = st.text(string.ascii_letters + "äöéñ中国кй", min_size=1, max_size=12)


@given(_LOCAL, st.lists(_LABEL, min_size=1, max_size=3))
def test_normalising_and_canonicalising_are_idempotent(local: str, labels: list[str]) -> None:
    try:
        address = parse(f"{local}@{'.'.join(labels)}.edu")
    except MalformedAddress:
        return
    assert normalise(address.normal) == address.normal
    assert canonical(address.canonical) == address.canonical == canonical(address.normal)
    assert address.normal.isascii()
    assert address.normal == address.normal.lower()
    assert parse(address.display) == address


@pytest.mark.parametrize(
    ("typed", "mailbox"),
    [
        ("Ada+one@Monash.edu", "ada@monash.edu"),
        ("ada+one+two@monash.edu", "ada@monash.edu"),
        ("ada@monash.edu", "ada@monash.edu"),
        ("+ada@monash.edu", "+ada@monash.edu"),
    ],
)
def test_plus_tags_are_one_mailbox(typed: str, mailbox: str) -> None:
    assert canonical(typed) == mailbox


def test_a_domain_is_shown_in_its_own_script_unless_it_could_deceive() -> None:
    assert parse("ada@xn--universitt-y5a.de").display == "ada@universität.de"
    imitation = parse("ada@m\u043enash.edu")  # a Cyrillic letter among Latin ones
    assert imitation.looks_alike
    assert "xn--" in imitation.display
    assert not parse("ada@東京大学えいが.jp").looks_alike


def test_the_chain_goes_from_the_host_up() -> None:
    assert chain("cs.monash.edu") == ("cs.monash.edu", "monash.edu", "edu")


def test_the_registrable_domain_follows_the_public_suffix_list() -> None:
    assert registrable("eng.ox.ac.uk") == "ox.ac.uk"
    assert registrable("ac.uk") is None
    assert parse("a@x.rub.de").registrable == "rub.de"


def test_private_suffixes_count_only_when_asked_for() -> None:
    assert is_public_suffix("ac.uk")
    assert not is_public_suffix("rub.de")
    assert is_public_suffix("rub.de", private=True)
