#!/usr/bin/env python3
"""Checks a log's receipts and checkpoints without trusting whoever keeps the log.

    python verify_log.py --key VKEY --receipt receipt.json ...
    python verify_log.py --key VKEY --kept old.txt --latest new.txt --proof proof.json
    python verify_log.py --key VKEY --kept old.txt --url https://portal.example

Needs Python 3.11 or newer and the package `cryptography`; this one file is all there is of it. VKEY
is the line that the portal shows at /log/key: keep it, with a checkpoint, from the first day on.
Exit codes: 0 all holds, 1 something does not, 2 it could not be checked. Hashes and proofs: RFC
9162 section 2.1; checkpoints: C2SP tlog-checkpoint and signed-note.
"""

import argparse
import base64
import binascii
import hashlib
import json
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = b"\x01"
EMPTY_ROOT = hashlib.sha256(b"").digest()


class Wrong(Exception):
    """Something does not hold; its text says what."""


def leaf_hash(leaf: bytes) -> bytes:
    """Returns SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Returns SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Returns the root that follows from a leaf hash and its proof (RFC 9162, 2.1.3.2).

    Raises Wrong for a proof that no tree of this size can have.
    """
    if not 0 <= index < size:
        raise Wrong(f"There is no entry {index} in a log of size {size}.")
    place, last, found = index, size - 1, leaf
    for each in proof:
        if last == 0:
            raise Wrong("The inclusion proof is too long.")
        if place & 1 or place == last:
            found = node_hash(each, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, each)
        place, last = place >> 1, last >> 1
    if last:
        raise Wrong("The inclusion proof is too short.")
    return found


def check_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Raises Wrong unless the leaf hash is at `index` of the tree with this size and root."""
    if root_of_inclusion(leaf, index, size, proof) != root:
        raise Wrong(f"Entry {index} is not what the log of size {size} holds there.")


def check_consistency(  # noqa: C901 - the RFC's algorithm, step by step
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> None:
    """Raises Wrong unless the second tree begins with the first (RFC 9162, 2.1.4.2)."""
    if not 0 < first <= second:
        raise Wrong(f"A log of size {second} cannot go on from one of size {first}.")
    if first == second:
        if proof or first_root != second_root:
            raise Wrong(f"Two logs of size {first} have different contents.")
        return
    path = [first_root, *proof] if first & (first - 1) == 0 else [*proof]
    if not path:
        raise Wrong("The consistency proof is too short.")
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for each in path[1:]:
        if last == 0:
            raise Wrong("The consistency proof is too long.")
        if place & 1 or place == last:
            old, new = node_hash(each, old), node_hash(each, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, each)
        place, last = place >> 1, last >> 1
    if last:
        raise Wrong("The consistency proof is too short.")
    if (old, new) != (first_root, second_root):
        raise Wrong(f"The log of size {second} does not go on from the one of size {first}.")


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint says: the log's origin, its size and its root hash."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\n"


@dataclass(frozen=True)
class Key:
    """A public key of a log and the name it signs under."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256(name || 0x0A || 0x01 || public key)."""
        named = self.name.encode() + b"\n" + ED25519 + self.public
        return hashlib.sha256(named).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"


def parse_key(text: str) -> Key:
    """Returns the key of a vkey line, `name+hash+base64`. Raises Wrong."""
    try:
        name, identity, encoded = text.strip().split("+", 2)
        content = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Wrong("This is not a public key of a log (name+hash+base64).") from error
    key = Key(name, content[1:])
    if content[:1] != ED25519 or len(content) != 33 or key.id.hex() != identity:
        raise Wrong("This public key of a log is damaged.")
    return key


def open_note(note: str, key: Key) -> Checkpoint:
    """Returns the checkpoint of a signed note. Raises Wrong unless `key` signed it."""
    text, found, signatures = note.partition("\n\n")
    if not found or not signatures.endswith("\n"):
        raise Wrong("This is not a signed checkpoint.")
    text += "\n"
    signed = False
    for line in signatures.splitlines():
        mark, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if mark != "\N{EM DASH}":
            raise Wrong("A signature line of the checkpoint is damaged.")
        try:
            content = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise Wrong("A signature line of the checkpoint is damaged.") from error
        if name != key.name or content[:4] != key.id:
            continue  # signed by somebody else besides
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(content[4:], text.encode())
        except InvalidSignature as error:
            raise Wrong("The checkpoint's signature is not valid: it was changed.") from error
        signed = True
    if not signed:
        raise Wrong(f"The checkpoint is not signed by the key you have ({key.name}).")
    return _parse_text(text, key.name)


def _parse_text(text: str, origin: str) -> Checkpoint:
    lines = text.split("\n")
    try:
        size, root = int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (IndexError, ValueError) as error:
        raise Wrong("This is not a checkpoint: size or root hash cannot be read.") from error
    found = Checkpoint(lines[0], size, root)
    if str(found) != text or len(root) != 32 or size < 0 or found.origin != origin:
        raise Wrong("This is not a checkpoint of this log.")
    return found


def check_receipt(receipt: dict, key: Key) -> Checkpoint:  # type: ignore[type-arg]  # JSON
    """Returns the checkpoint that a receipt's entry is proved by. Raises Wrong."""
    try:
        proof = [base64.b64decode(each, validate=True) for each in receipt["proof"]]
        leaf, index = receipt["leaf"].encode(), int(receipt["index"])
        note = str(receipt["checkpoint"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Wrong("This is not a receipt.") from error
    checkpoint = open_note(note, key)
    check_inclusion(leaf_hash(leaf), index, checkpoint.size, proof, checkpoint.root)
    return checkpoint


def check_growth(kept: Checkpoint, latest: Checkpoint, proof: Sequence[bytes]) -> None:
    """Raises Wrong unless the log that you kept a checkpoint of is the beginning of today's."""
    if latest.size < kept.size:
        raise Wrong(
            f"The log has shrunk: you kept a checkpoint of size {kept.size:,}, "
            f"today's has size {latest.size:,}. Entries were taken away."
        )
    check_consistency(kept.size, latest.size, proof, kept.root, latest.root)


def main(arguments: Sequence[str]) -> int:
    """Checks what the arguments name and prints a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--key", required=True, help="the log's public key: text, or a file")
    parser.add_argument("--receipt", nargs="+", type=Path, default=[], help="receipts to check")
    parser.add_argument("--kept", type=Path, help="a checkpoint that you kept")
    parser.add_argument("--latest", type=Path, help="today's checkpoint")
    parser.add_argument("--proof", type=Path, help="the consistency proof between the two")
    parser.add_argument("--url", help="fetch today's checkpoint and the proof from this portal")
    asked = parser.parse_args(arguments)
    if not asked.receipt and not (asked.kept and (asked.latest or asked.url)):
        parser.error("name a --receipt, or a --kept checkpoint and --latest or --url")
    try:
        key = parse_key(Path(asked.key).read_text() if Path(asked.key).is_file() else asked.key)
        for path in asked.receipt:
            for receipt in _receipts(json.loads(path.read_text())):
                held = check_receipt(receipt, key)
                sys.stdout.write(f"{path}: holds, in the log of size {held.size:,}.\n")
        if asked.kept:
            _compare(asked, key)
    except Wrong as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (OSError, ValueError) as error:
        sys.stderr.write(f"It could not be checked: {error}\n")
        return 2
    return 0


def _receipts(told: object) -> list[dict]:  # type: ignore[type-arg]  # JSON
    """The receipts of a file: one, or those of the pieces that a download came in."""
    pieces = told.get("receipts") if isinstance(told, dict) else None
    if pieces is not None and not (isinstance(pieces, list) and pieces):
        raise Wrong("This is not a receipt.")
    return pieces or [told]


def _compare(asked: argparse.Namespace, key: Key) -> None:
    kept = open_note(asked.kept.read_text(), key)
    note = asked.latest.read_text() if asked.latest else _fetch(f"{asked.url}/log/checkpoint")
    latest = open_note(note, key)
    proof: list[bytes] = []
    if latest.size > kept.size:
        query = f"/log/proof/consistency?first={kept.size}&second={latest.size}"
        told = asked.proof.read_text() if asked.proof else _fetch(f"{asked.url}{query}")
        try:
            proof = [base64.b64decode(each, validate=True) for each in json.loads(told)["proof"]]
        except (KeyError, TypeError) as error:
            raise ValueError("this is not a proof, JSON with the name proof.") from error
    check_growth(kept, latest, proof)
    sys.stdout.write(f"The log of size {latest.size:,} holds all {kept.size:,} entries you knew.\n")


def _fetch(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ValueError("the address must start with https://")
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - looked at above
        return str(answer.read(1 << 20).decode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
