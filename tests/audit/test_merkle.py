"""The tree against its definition (RFC 9162, 2.1), RFC 6962's reference tree, bad proofs."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_app.audit import merkle, outsider
from requests_app.audit.merkle import Frontier, leaf_hash, node_hash
from requests_app.audit.outsider import Wrong, check_consistency, check_inclusion

# The eight leaves and roots that implementations of RFC 6962 share (certificate-transparency).
REFERENCE_LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
REFERENCE_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(leaves: list[bytes]) -> bytes:
    """The definition, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(mth(leaves[:k]), mth(leaves[k:]))


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D) of RFC 9162, 2.1.3.1, word for word."""
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if index < k:
        return [*path(index, leaves[:k]), mth(leaves[k:])]
    return [*path(index - k, leaves[k:]), mth(leaves[:k])]


def subproof(first: int, leaves: list[bytes], *, known: bool = True) -> list[bytes]:
    """SUBPROOF(m, D, b) of RFC 9162, 2.1.4.1, word for word."""
    if first == len(leaves):
        return [] if known else [mth(leaves)]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if first <= k:
        return [*subproof(first, leaves[:k], known=known), mth(leaves[k:])]
    return [*subproof(first - k, leaves[k:], known=False), mth(leaves[:k])]


def subtree_of(leaves: list[bytes]) -> merkle.Subtree:
    return lambda height, index: mth(leaves[index << height : (index + 1) << height])


def some(size: int) -> list[bytes]:
    return [str(number).encode() for number in range(size)]


def test_the_reference_tree_has_its_roots_and_every_proof_holds():
    leaves = [bytes.fromhex(each) for each in REFERENCE_LEAVES]
    roots = [bytes.fromhex(each) for each in REFERENCE_ROOTS]
    frontier = Frontier()
    assert frontier.root() == hashlib.sha256(b"").digest()
    for size, leaf in enumerate(leaves, 1):
        frontier.extend([leaf_hash(leaf)])
        assert frontier.root() == roots[size - 1]
    subtree = subtree_of(leaves)
    for size in range(1, 9):
        for index in range(size):
            proof = merkle.inclusion(index, size, subtree)
            check_inclusion(leaf_hash(leaves[index]), index, size, proof, roots[size - 1])
        for first in range(1, size + 1):
            proof = merkle.consistency(first, size, subtree)
            check_consistency(first, size, proof, roots[first - 1], roots[size - 1])


def test_known_proofs_of_the_reference_tree():
    subtree = subtree_of([bytes.fromhex(each) for each in REFERENCE_LEAVES])
    assert [each.hex() for each in merkle.inclusion(5, 8, subtree)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [each.hex() for each in merkle.consistency(6, 8, subtree)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@settings(deadline=None)
@given(st.data())
def test_it_agrees_with_the_recursive_definition(data):
    leaves = data.draw(st.lists(st.binary(max_size=4), min_size=1, max_size=70))
    second = data.draw(st.integers(1, len(leaves)))
    first = data.draw(st.integers(1, second))
    index = data.draw(st.integers(0, second - 1))
    subtree = subtree_of(leaves)
    old, new = mth(leaves[:first]), mth(leaves[:second])

    assert merkle.root(second, subtree) == new
    going_on = Frontier(first, subtree)
    going_on.extend([leaf_hash(leaf) for leaf in leaves[first:second]])
    assert going_on.root() == new
    proof = merkle.inclusion(index, second, subtree)
    assert proof == path(index, leaves[:second])
    check_inclusion(leaf_hash(leaves[index]), index, second, proof, new)
    proof = merkle.consistency(first, second, subtree)
    assert proof == subproof(first, leaves[:second])
    check_consistency(first, second, proof, old, new)


@settings(deadline=None)
@given(st.lists(st.integers(0, 300), max_size=12))
def test_it_keeps_each_node_of_every_eighth_height_once(batches):
    frontier, leaves, kept = Frontier(), some(sum(batches)), []
    for batch in batches:
        begun = frontier.size
        kept += frontier.extend([leaf_hash(leaf) for leaf in leaves[begun : begun + batch]])
    assert frontier.root() == mth(leaves)
    assert [node[:2] for node in kept] == [(8, index) for index in range(len(leaves) >> 8)]
    assert all(found == mth(leaves[i << h : (i + 1) << h]) for h, i, found in kept)


@settings(deadline=None)
@given(st.integers(2, 40), st.data())
def test_a_malformed_inclusion_proof_is_rejected(size, data):
    leaves = some(size)
    index = data.draw(st.integers(0, size - 1))
    proof, root = merkle.inclusion(index, size, subtree_of(leaves)), mth(leaves)
    leaf = leaf_hash(leaves[index])
    bad = [
        (leaf, index, size, proof[:-1], root),
        (leaf, index, size, [*proof, root], root),
        (leaf, index, size, [proof[0][::-1], *proof[1:]], root),
        (leaf, size, size, proof, root),
        (leaf, -1, size, proof, root),
        (leaf, 0, 0, [], root),
        (leaf_hash(b"another"), index, size, proof, root),
    ]
    bad += [
        (leaf, index, size, [*proof[:n], b, a, *proof[n + 2 :]], root)
        for n, (a, b) in enumerate(pairwise(proof))
    ]
    for arguments in bad:
        with pytest.raises(Wrong):
            check_inclusion(*arguments)


@settings(deadline=None)
@given(st.integers(2, 40), st.data())
def test_a_malformed_consistency_proof_is_rejected(second, data):
    leaves = some(second)
    first = data.draw(st.integers(1, second - 1))
    proof = merkle.consistency(first, second, subtree_of(leaves))
    old, new = mth(leaves[:first]), mth(leaves)
    bad = [
        (first, second, proof[:-1], old, new),
        (first, second, [*proof, new], old, new),
        (first, second, [proof[0][::-1], *proof[1:]], old, new),
        (first, second, proof, new, old),
        (0, second, proof, old, new),
        (first, 0, proof, old, new),
        (0, 0, [], old, old),
        (second, first, proof, new, old),
        (second, second, proof, new, new),
        (second, second, [], old, new),
    ]
    bad += [
        (first, second, [*proof[:n], b, a, *proof[n + 2 :]], old, new)
        for n, (a, b) in enumerate(pairwise(proof))
    ]
    for arguments in bad:
        with pytest.raises(Wrong):
            check_consistency(*arguments)


def test_proofs_of_what_is_not_there_are_not_made():
    subtree = subtree_of(some(3))
    for index, size in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(ValueError, match="no leaf"):
            merkle.inclusion(index, size, subtree)
    for first, second in ((0, 3), (3, 2)):
        with pytest.raises(ValueError, match="cannot go on"):
            merkle.consistency(first, second, subtree)


@settings(deadline=None)
@given(st.integers(0, 2**40), st.binary(min_size=32, max_size=32))
def test_a_signed_checkpoint_opens_with_its_key_alone(size, root):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    from requests_app.audit.notes import public_key, sign  # noqa: PLC0415

    mine, other = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
    checkpoint = outsider.Checkpoint("portal.example/log", size, root)
    note = sign(checkpoint, mine)
    key = outsider.parse_key(str(public_key(checkpoint.origin, mine)))
    assert outsider.open_note(note, key) == checkpoint
    with pytest.raises(Wrong, match="not signed by the key you have"):
        outsider.open_note(note, public_key(checkpoint.origin, other))
    with pytest.raises(Wrong, match="was changed"):
        outsider.open_note(note.replace("\n", "\n1", 1), key)
