#!/usr/bin/env python3
"""Checks a log's receipts and checkpoints without trusting whoever keeps the log.

    python verify_log.py --key VKEY --receipt receipt.json ...
    python verify_log.py --key VKEY --kept old.txt --latest new.txt --proof proof.json
    python verify_log.py --key VKEY --kept old.txt --url https://portal.example
    python verify_log.py --key VKEY --kept old.txt --url https://portal.example --receipt r.json

Needs Python 3.11 or newer and the package `cryptography`; this one file is all there is of it. VKEY
is the line that the portal shows at /log/key: keep it, with a checkpoint, from the first day on.
Exit codes: 0 all holds, 1 something does not, 2 it could not be checked. Hashes and proofs: RFC
9162 section 2.1; checkpoints: C2SP tlog-checkpoint and signed-note.
"""

import argparse
import base64
import hashlib
import http.client
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


def require_hashes(proof: Sequence[bytes]) -> None:
    """Raises Wrong unless each element has the length of a hash.

    With one longer or shorter, what is hashed as two nodes could be read as two others.
    """
    if any(len(each) != len(EMPTY_ROOT) for each in proof):
        raise Wrong("A hash of the proof has not the length of a hash: the proof was forged.")


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Returns the root that follows from a leaf hash and its proof (RFC 9162, 2.1.3.2).

    Raises Wrong for a proof that no tree of this size can have.
    """
    if not 0 <= index < size:
        raise Wrong(f"There is no entry {index} in a log of size {size}.")
    require_hashes(proof)
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
    require_hashes(proof)
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
    except ValueError as error:
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
        except ValueError as error:
            raise Wrong("A signature line of the checkpoint is damaged.") from error
        if name != key.name or content[:4] != key.id:
            continue  # signed by somebody else besides
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(content[4:], text.encode())
        except (InvalidSignature, UnicodeEncodeError) as error:
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


def check_receipt(receipt: object, key: Key) -> Checkpoint:
    """Returns the checkpoint that a receipt's entry is proved by. Raises Wrong."""
    told = receipt if isinstance(receipt, dict) else {}
    index, leaf, note = told.get("index"), told.get("leaf"), told.get("checkpoint")
    if type(index) is not int or not isinstance(leaf, str) or not isinstance(note, str):
        raise Wrong("This is not a receipt.")
    try:
        proof, content = read_proof(told), leaf.encode()
    except ValueError as error:
        raise Wrong("This is not a receipt.") from error
    checkpoint = open_note(note, key)
    check_inclusion(leaf_hash(content), index, checkpoint.size, proof, checkpoint.root)
    return checkpoint


def read_proof(told: object) -> list[bytes]:
    """Returns the hashes of a proof as the portal tells them. Raises ValueError."""
    proof = told.get("proof") if isinstance(told, dict) else None
    if not isinstance(proof, list) or not all(isinstance(each, str) for each in proof):
        raise ValueError("this is not a proof, JSON with the name proof.")
    return [base64.b64decode(each, validate=True) for each in proof]


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
    parser.add_argument(
        "--proof", nargs="+", type=Path, default=[], help="consistency proofs between checkpoints"
    )
    parser.add_argument("--url", help="fetch today's checkpoint and the proofs from this portal")
    asked = parser.parse_args(arguments)
    if not asked.receipt and not (asked.kept and (asked.latest or asked.url)):
        parser.error("name a --receipt, or a --kept checkpoint and --latest or --url")
    try:
        return _check(asked)
    except Wrong as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except RecursionError:
        sys.stderr.write("It could not be checked: this is not JSON that the portal writes.\n")
    except (OSError, ValueError, OverflowError, http.client.HTTPException) as error:
        told = " ".join(str(error).split()) or type(error).__name__
        sys.stderr.write(f"It could not be checked: {told}\n")
    return 2


def _check(asked: argparse.Namespace) -> int:
    key = parse_key(_text(Path(asked.key)) if Path(asked.key).is_file() else asked.key)
    proofs = [json.loads(_text(path)) for path in asked.proof]
    known = [open_note(_text(asked.kept), key)] if asked.kept else []
    if asked.latest or asked.url:
        known.append(_latest(asked, key))
    if asked.kept and len(known) > 1:
        _compare((known[0], known[1]), proofs, asked.url)
    missing, seen = 0, [*known]
    for path in asked.receipt:
        held = check_receipt(json.loads(_text(path)), key)
        sys.stdout.write(f"{path}: holds, in the log of size {held.size:,}.\n")
        for one in seen:
            if one.size == held.size:  # two of one size need no proof
                check_consistency(one.size, held.size, [], one.root, held.root)
        seen.append(held)
        if not any(_is_one_log(held, one, proofs, asked.url) for one in reversed(known)):
            missing += bool(known)
            sys.stdout.write(f"{path}: {_NOT_COMPARED[bool(known)]}\n")
    return 2 if missing else 0


_NOT_COMPARED = {
    False: "not compared with another checkpoint, so it may be of a log that only you were shown; "
    "give --kept or --url.",
    True: "not compared with the checkpoint that you gave; give --url, or a --proof between both.",
}


def _latest(asked: argparse.Namespace, key: Key) -> Checkpoint:
    if asked.latest:
        return open_note(_text(asked.latest), key)
    note = _fetch(asked.url, "/log/checkpoint")
    if "\n\n\N{EM DASH} " not in note:
        raise ValueError("what came from --url is not a signed checkpoint.")
    return open_note(note, key)


def _compare(
    both: tuple[Checkpoint, Checkpoint], proofs: Sequence[object], url: str | None
) -> None:
    kept, latest = both
    grows = latest.size > kept.size
    proof = _proof_between(kept.size, latest.size, proofs, url) if grows else []
    if proof is None and len(proofs) == 1:
        proof = read_proof(proofs[0])  # which does not tell its sizes
    if proof is None:
        raise ValueError("there is no proof between the two; give --proof or --url.")
    check_growth(kept, latest, proof)
    sys.stdout.write(f"The log of size {latest.size:,} holds all {kept.size:,} entries you knew.\n")


def _is_one_log(
    one: Checkpoint, other: Checkpoint, proofs: Sequence[object], url: str | None
) -> bool:
    """Whether two checkpoints were compared, and are of one log. Raises Wrong if they differ."""
    first, second = sorted((one, other), key=lambda each: each.size)
    equal = first.size == second.size
    proof = [] if equal else _proof_between(first.size, second.size, proofs, url)
    if proof is None:
        return False
    check_consistency(first.size, second.size, proof, first.root, second.root)
    return True


def _proof_between(
    first: int, second: int, proofs: Sequence[object], url: str | None
) -> list[bytes] | None:
    """The consistency proof that is given or, with an address, to be had. None if neither."""
    for told in proofs:
        if isinstance(told, dict) and (told.get("first"), told.get("second")) == (first, second):
            return read_proof(told)
    if not url:
        return None
    return read_proof(json.loads(_fetch(url, f"/log/proof/consistency?{first=}&{second=}")))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text in UTF-8.") from error


def _fetch(portal: str, address: str) -> str:
    if not portal.startswith(("https://", "http://")):
        raise ValueError("the address must start with https://")
    url = portal.rstrip("/") + address
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - looked at above
        return str(answer.read(1 << 20).decode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
