#!/usr/bin/env python3
"""Checks a log's receipts and checkpoints without trusting whoever keeps the log.

    python verify_log.py --key VKEY --receipt receipt.json ...
    python verify_log.py --key VKEY --export log.jsonl ...
    python verify_log.py --key VKEY --kept old.txt --latest new.txt --proof proof.json
    python verify_log.py --key VKEY --kept old.txt --url https://portal.example --witness VKEY

Needs Python 3.11 or newer and the package `cryptography`; this one file is all there is of it. VKEY
is the line that the portal shows at /log/key: keep it, with a checkpoint, from the first day on;
a checkpoint also stands in e-mails about decisions and on agreements. A witness's is its own.
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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = b"\x01"
COSIGNATURE = b"\x04"  # of a witness: C2SP tlog-cosignature, Ed25519
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
    """A public key of a log, or of a witness, and the name it signs under."""

    name: str
    public: bytes
    kind: bytes = ED25519

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256(name || 0x0A || kind || public key)."""
        named = self.name.encode() + b"\n" + self.kind + self.public
        return hashlib.sha256(named).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.kind + self.public).decode()}"


def parse_key(text: str, kind: bytes = ED25519) -> Key:
    """Returns the key of a vkey line, `name+hash+base64`, if it is of this kind. Raises Wrong."""
    try:
        name, identity, encoded = text.strip().split("+", 2)
        content = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Wrong("This is not a public key of a log (name+hash+base64).") from error
    key = Key(name, content[1:], kind)
    if content[:1] != kind or len(content) != 33 or key.id.hex() != identity:
        raise Wrong("This public key of a log is damaged.")
    return key


def open_note(note: str, key: Key) -> Checkpoint:
    """Returns the checkpoint of a signed note. Raises Wrong unless `key` signed it."""
    text, signatures = _split(note)
    signed = False
    for name, content in signatures:
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


def cosigned_at(note: str, witness: Key) -> int:
    """Returns when a witness cosigned a checkpoint, in seconds since 1970. Raises Wrong.

    The witness says: of all checkpoints of this log that I saw, none contradicts this one.
    """
    text, signatures = _split(note)
    for name, content in signatures:
        if name != witness.name or content[:4] != witness.id:
            continue
        at = int.from_bytes(content[4:12], "big")
        message = f"cosignature/v1\ntime {at}\n{text}".encode()
        try:
            Ed25519PublicKey.from_public_bytes(witness.public).verify(content[12:], message)
        except InvalidSignature as error:
            raise Wrong(f"The cosignature of {name} is not valid.") from error
        return at
    raise Wrong(f"The checkpoint is not cosigned by {witness.name}.")


def _split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a note, and of each signature the name, and the key's id with the signature."""
    text, found, lines = note.partition("\n\n")
    if not found or not lines.endswith("\n"):
        raise Wrong("This is not a signed checkpoint.")
    signatures = []
    for line in lines.splitlines():
        mark, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if mark != "\N{EM DASH}":
            raise Wrong("A signature line of the checkpoint is damaged.")
        try:
            signatures.append((name, base64.b64decode(encoded, validate=True)))
        except ValueError as error:
            raise Wrong("A signature line of the checkpoint is damaged.") from error
    return f"{text}\n", signatures


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


def canonical(value: Any) -> bytes:
    """Returns the RFC 8785 form of a JSON value without floats; entries have none. Or Wrong."""
    return _canonical(value).encode()


def _canonical(value: Any) -> str:
    if isinstance(value, float):
        raise Wrong("An entry of the export has a number that no entry can have.")
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        inside = (f"{_canonical(name)}:{_canonical(value[name])}" for name in names)
        return f"{{{','.join(inside)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_canonical, value))}]"
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Exported:
    """What held of an export: entries that the checkpoint proves, and entries it does not cover."""

    checkpoint: Checkpoint
    proved: int
    unproved: int


def check_export(lines: Iterable[str], key: Key) -> Exported:
    """Checks an export (JSON Lines): each entry is in the log, each value what it committed to.

    Raises Wrong that names the first entry which is not. Reads a line at a time.
    """
    rest = iter(lines)
    try:
        note = json.loads(next(rest, ""))["checkpoint"]
    except (ValueError, TypeError, KeyError) as error:
        raise Wrong(
            "This is not an export of the log: its first line has no checkpoint."
        ) from error
    if not isinstance(note, str):
        raise Wrong("The export was made before the log had a checkpoint: it proves nothing.")
    checkpoint, proved, unproved = open_note(note, key), 0, 0
    for number, line in enumerate(rest, start=2):
        try:
            entry = json.loads(line)
            _check_exported(entry, checkpoint)
            proved, unproved = proved + bool(entry["proof"]), unproved + (not entry["proof"])
        except Wrong as error:
            raise Wrong(f"Line {number}: {error}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Wrong(f"Line {number} is not an entry of an export.") from error
    return Exported(checkpoint, proved, unproved)


LEAF = ("actor", "at", "commitments", "details", "id", "kind", "subject", "trail")


def _check_exported(entry: dict[str, Any], checkpoint: Checkpoint) -> None:
    if proof := entry["proof"]:
        path = [base64.b64decode(each, validate=True) for each in proof["inclusion"]]
        leaf = leaf_hash(canonical({name: entry[name] for name in LEAF} | {"v": 1}))
        check_inclusion(leaf, proof["index"], checkpoint.size, path, checkpoint.root)
    if set(entry["personal"]) != set(entry["commitments"]):
        raise Wrong("The entry has other personal values than it commits to.")
    for name, kept in entry["personal"].items():
        if kept is None:
            continue  # erased; the commitment stays
        committed = hashlib.sha256(bytes.fromhex(kept["salt"]) + canonical(kept["value"]))
        if committed.hexdigest() != entry["commitments"][name]:
            raise Wrong(f"The entry does not commit to the value given as its {name}.")


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
    parser.add_argument("--export", nargs="+", type=Path, default=[], help="exports (JSON Lines)")
    parser.add_argument("--kept", type=Path, help="a checkpoint that you kept")
    parser.add_argument("--latest", type=Path, help="today's checkpoint")
    parser.add_argument("--proof", type=Path, help="the consistency proof between the two")
    parser.add_argument("--url", help="fetch today's checkpoint and the proof from this portal")
    parser.add_argument("--witness", help="a witness's public key: it must have cosigned")
    asked = parser.parse_args(arguments)
    if not (asked.receipt or asked.export or (asked.kept and (asked.latest or asked.url))):
        parser.error("name a --receipt, an --export, or a --kept checkpoint and --latest or --url")
    try:
        key = parse_key(Path(asked.key).read_text() if Path(asked.key).is_file() else asked.key)
        for path in asked.receipt:
            for receipt in _receipts(json.loads(path.read_text())):
                held = check_receipt(receipt, key)
                sys.stdout.write(f"{path}: holds, in the log of size {held.size:,}.\n")
        for path in asked.export:
            _check_file(path, key)
        if asked.kept:
            _compare(asked, key)
    except Wrong as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (OSError, ValueError) as error:
        sys.stderr.write(f"It could not be checked: {error}\n")
        return 2
    return 0


def _check_file(path: Path, key: Key) -> None:
    with path.open(encoding="utf-8") as lines:
        held = check_export(lines, key)
    size = f"{held.checkpoint.size:,}"
    sys.stdout.write(f"{path}: {held.proved:,} entries are in the log of size {size}.\n")
    if held.unproved:
        told = "have no proof: they came after its checkpoint, or are not in the log at all"
        sys.stdout.write(f"{path}: {held.unproved:,} entries {told}.\n")


def _receipts(told: object) -> list[dict]:  # type: ignore[type-arg]  # JSON
    """The receipts of a file: one, or those of the pieces that a download came in."""
    pieces = told.get("receipts") if isinstance(told, dict) else None
    if pieces is not None and not (isinstance(pieces, list) and pieces):
        raise Wrong("This is not a receipt.")
    return pieces or [told]


def _compare(asked: argparse.Namespace, key: Key) -> None:
    kept = open_note(asked.kept.read_text(), key)
    seen = _fetch(f"{asked.url}/log/checkpoint/witnessed") if asked.witness and asked.url else ""
    note = asked.latest.read_text() if asked.latest else _fetch(f"{asked.url}/log/checkpoint")
    latest = open_note(note, key)
    told = asked.proof.read_text() if asked.proof else None
    check_growth(kept, latest, _growth(asked.url, kept, latest, told))
    sys.stdout.write(f"The log of size {latest.size:,} holds all {kept.size:,} entries you knew.\n")
    if asked.witness:
        _check_witness(asked, key, latest, seen or note)


def _check_witness(asked: argparse.Namespace, key: Key, latest: Checkpoint, note: str) -> None:
    """The newest checkpoint that has a cosignature may be older than the latest one."""
    witness, seen = parse_key(asked.witness, COSIGNATURE), open_note(note, key)
    when = datetime.fromtimestamp(cosigned_at(note, witness), UTC)
    check_growth(seen, latest, _growth(asked.url, seen, latest, None))
    said = f"{witness.name} cosigned its first {seen.size:,} entries on"
    sys.stdout.write(f"{said} {when:%Y-%m-%d at %H:%M:%S} UTC.\n")


def _growth(url: str, first: Checkpoint, second: Checkpoint, told: str | None) -> list[bytes]:
    """The consistency proof between two checkpoints, as a file told it or the portal does."""
    if second.size <= first.size:
        return []
    query = f"/log/proof/consistency?first={first.size}&second={second.size}"
    told = told or _fetch(f"{url}{query}")
    try:
        return [base64.b64decode(each, validate=True) for each in json.loads(told)["proof"]]
    except (KeyError, TypeError) as error:
        raise ValueError("this is not a proof, JSON with the name proof.") from error


def _fetch(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ValueError("the address must start with https://")
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - looked at above
        return str(answer.read(1 << 20).decode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
