"""Our checkpoints and proofs before a verifier that others wrote: metamorphic-log, in Rust."""

import base64

import metamorphic_log
import pytest
from django.test import Client

from requests_app.audit import checkpoints, kinds, log, outsider
from tests.audit.witness_server import Witness

pytestmark = pytest.mark.django_db


def grow(count: int) -> None:
    for _ in range(count):
        log.record(kinds.SIGNED_IN, by=log.ANYONE, on=log.Named("user:7"), method="password")
    checkpoints.seal()


def fetched(path: str, **query: int) -> str:
    response = Client().get(path, query)
    assert response.status_code == 200
    return response.text


def proof(path: str, **query: int) -> list[bytes]:
    told = Client().get(path, query).json()["proof"]
    return [base64.b64decode(each) for each in told]


@pytest.fixture
def published() -> tuple[str, str]:
    """A checkpoint over eleven entries and the key, as anybody fetches them."""
    grow(11)
    return fetched("/log/checkpoint"), fetched("/log/key").strip()


def test_it_reads_the_checkpoint_and_verifies_its_signature(published):
    note, key = published
    assert note.split("\n")[3].startswith("signed ")  # an extension line, which it passes over
    assert metamorphic_log.verify_signed_note(note, [key]) == 1
    head = metamorphic_log.checkpoint_verify(note, [key])
    ours = outsider.open_note(note, outsider.parse_key(key))
    assert (head.origin, head.size, head.root) == (ours.origin, 11, ours.root)


def test_it_refuses_a_changed_checkpoint_and_another_key(published):
    note, key = published
    name = outsider.parse_key(key).name
    stranger = Witness(outsider.parse_key(key)).key.public
    for wrong, with_key in (
        (note.replace("\n11\n", "\n12\n", 1), key),
        (note, str(outsider.Key(name, stranger))),
    ):
        with pytest.raises(metamorphic_log.VerifyError):
            metamorphic_log.checkpoint_verify(wrong, [with_key])


@pytest.mark.parametrize("index", [0, 4, 10])
def test_it_finds_each_entry_by_its_proof_and_no_other(published, index):
    note, key = published
    entry = Client().get(f"/log/entries/{index}").json()
    leaf = base64.b64decode(entry["leaf_hash"])
    path = proof("/log/proof/inclusion", index=index, size=11)
    metamorphic_log.checkpoint_verify_inclusion(note, [key], index, leaf, path)
    with pytest.raises(metamorphic_log.VerifyError):
        metamorphic_log.checkpoint_verify_inclusion(note, [key], index, b"x" * 32, path)


def test_it_sees_that_the_log_only_grew(published):
    older, key = published
    grow(7)
    newer = fetched("/log/checkpoint")
    assert newer.split("\n")[4].startswith("after ")
    path = proof("/log/proof/consistency", first=11, second=18)
    metamorphic_log.checkpoint_verify_consistency(older, newer, [key], path)
    with pytest.raises(metamorphic_log.VerifyError):
        metamorphic_log.checkpoint_verify_consistency(older, newer, [key], path[:-1])


def test_a_cosignature_below_it_disturbs_nobody(published):
    note, key = published
    checkpoint = outsider.open_note(note, outsider.parse_key(key))
    witness = Witness(outsider.parse_key(key))
    cosigned = note + witness.cosign(checkpoint)
    assert metamorphic_log.checkpoint_verify(cosigned, [key]).size == 11
