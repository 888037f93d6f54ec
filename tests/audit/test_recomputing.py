"""Rows that are read many at once say what each says alone, and none lends text to another."""

import json

import pytest
import rfc8785
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_app.audit import canonical, merkle, placed, recomputing

_numbers = st.integers(-(2**63), 2**64 - 1) | st.floats()  # beyond, PostgreSQL's are rounded
_scalars = st.none() | st.booleans() | _numbers | st.text(max_size=5)
_json = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=2), max_leaves=3)
_details = st.dictionaries(st.text(max_size=3), _json, max_size=3)
_text = st.text(max_size=5)


def row(number: int, details: str, actor: str = "user:7", commitments: str = "{}") -> placed.Row:
    at = "2026-01-31 12:00:00.123456"
    kind, subject, trail = "applicant:session:opened", "user:7", "user:7"
    return (0, b"", number, at, kind, actor, subject, trail, details, commitments)


def reference(number: int, details: object, actor: str) -> bytes | None:
    said = {"actor": actor, "at": "2026-01-31T12:00:00.123456Z", "commitments": {}}
    said |= {"details": details, "id": number, "kind": "applicant:session:opened"}
    said |= {"subject": "user:7", "trail": "user:7", "v": 1}
    if canonical.has_float(details):  # none is ever written: 7.0 would pass for 7
        return None
    try:
        return merkle.leaf_hash(rfc8785.dumps(said))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        return None


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 2**54), _details, _text), max_size=4))
def test_the_leaf_hash_of_each_is_that_of_the_reference_implementation(told):
    rows = [row(number, json.dumps(details), actor) for number, details, actor in told]
    assert recomputing.recompute(rows, []).hashes == [
        reference(number, json.loads(json.dumps(details)), actor) for number, details, actor in told
    ]


def test_names_beyond_ascii_are_in_the_order_of_the_reference_implementation():
    details = {"\U0001f426": 1, "\uffee": 2, "a": 3}
    stored = row(1, json.dumps(details))
    assert recomputing.recompute([stored], []).hashes == [reference(1, details, "user:7")]


def test_more_than_are_read_at_once_keep_their_order():
    rows = [row(number, '{"a": 1}') for number in range(1, 600)]
    assert recomputing.recompute(rows, []).hashes == [
        reference(number, {"a": 1}, "user:7") for number in range(1, 600)
    ]


SHIFTED = {
    "two in one": ['{"a": 1}, {"b": 2}', ""],
    "with the mark between": [f'{{"a": 1}}{placed._BETWEEN}{{"b": 2}}', "{}"],
    "ends in the next": ['{"a": [{}', '{}], "b": 1}'],
    "made up for in the next": ['{"a": [{}', '{}]}, {"b": 1}, {"c": 2}'],
    "goes on in a name": ['{"a": 1, "b', '": 2}'],
}


@pytest.mark.parametrize("texts", SHIFTED.values(), ids=SHIFTED)
def test_text_that_is_no_object_of_its_own_is_unreadable_and_its_neighbours_are_not(texts):
    whole = row(1, '{"a": 1}')
    some = [whole, row(2, texts[0]), row(3, texts[1], commitments=texts[1]), whole]
    found = recomputing.recompute(some, [])
    assert found.hashes[0] == found.hashes[3] == reference(1, {"a": 1}, "user:7")
    lone = [recomputing.recompute([each], []).hashes[0] for each in some]
    assert found.hashes == lone
    assert found.hashes[1] is None


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL stores no text of JSON")
@pytest.mark.parametrize("text", ['{"a": 2, "a": 1}', '{"a":1}', '{"a": 1} ', '{"\\u0061": 1}'])
def test_text_that_django_does_not_write_is_unreadable(text):
    assert recomputing.recompute([row(1, '{"a": 1}'), row(2, text)], []).hashes[1] is None


VALUES = ["192.0.2.7", "", 'a "b" \\ c', "é", "\x7f", "\n", {"a": [1, "x"]}, None, 5]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_a_value_is_held_to_its_commitment_whatever_it_is(value):
    salt = canonical.new_salt()
    committed = json.dumps({"ip": canonical.commitment(salt, value)})
    rows, stored = [row(7, "{}", commitments=committed)], json.dumps(value)
    assert not recomputing.recompute(rows, [(7, "ip", stored, salt)]).uncommitted
    for wrong in (
        (7, "ip", json.dumps("another"), salt),
        (7, "ip", stored, canonical.new_salt()),
        (7, "email", stored, salt),
        (7, "ip", "{", salt),
        (7, "ip", stored, "no salt"),
    ):
        assert recomputing.recompute(rows, [wrong]).uncommitted == {0: wrong[1]}
    assert not recomputing.recompute(rows, [(8, "ip", stored, "of another")]).uncommitted
