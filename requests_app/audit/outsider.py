#!/usr/bin/env python3
"""Checks a log's receipts and checkpoints without trusting whoever keeps the log.

    python verify_log.py --key VKEY --receipt receipt.json ...
    python verify_log.py --key VKEY --export log.jsonl ...
    python verify_log.py --key VKEY --kept old.txt --latest new.txt --proof proof.json
    python verify_log.py --key VKEY --kept old.txt --url https://portal.example --witness VKEY
    python verify_log.py --key VKEY --kept old.txt --url https://portal.example --receipt r.json

Needs Python 3.11 or newer and the package `cryptography`; this one file is all there is of it. VKEY
is the line that the portal shows at /log/key: keep it, with a checkpoint, from the first day on;
a checkpoint also stands in e-mails about decisions and on agreements. A witness's is its own.
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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = b"\x01"
COSIGNATURE = b"\x04"  # of a witness: C2SP tlog-cosignature, Ed25519
EMPTY_ROOT = hashlib.sha256(b"").digest()

LATENESS = timedelta(minutes=10)
"""How much earlier than a checkpoint an entry after it may be dated: a long transaction."""

HASTE = timedelta(minutes=10)
"""How much later than the checkpoint that covers it an entry may be dated: clocks that differ."""


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
    """What a checkpoint says: the log's origin, its size and its root hash.

    And, in extension lines (tlog-checkpoint), when it was signed, in seconds since 1970, and the
    digest of the one signed before it, which the first has not. Older ones may tell neither.
    """

    origin: str
    size: int
    root: bytes
    signed: int | None = None
    after: bytes | None = None

    def __str__(self) -> str:
        root = base64.b64encode(self.root).decode()
        lines = [self.origin, str(self.size), root]
        if self.signed is not None:
            lines.append(f"signed {self.signed}")
        if self.after is not None:
            lines.append(f"after {base64.b64encode(self.after).decode()}")
        return "".join(f"{line}\n" for line in lines)

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was signed: the one that follows names it."""
        return hashlib.sha256(str(self).encode()).digest()

    @property
    def when(self) -> datetime | None:
        """When it was signed, if it tells."""
        return None if self.signed is None else datetime.fromtimestamp(self.signed, UTC)


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
    except ValueError as error:
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
        except (InvalidSignature, UnicodeEncodeError) as error:
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
    name, *lines = text.split("\n")
    try:
        size, root = int(lines[0]), base64.b64decode(lines[1], validate=True)
        told = dict(line.split(" ", 1) for line in lines[2:-1])
        signed = int(told["signed"]) if "signed" in told else None
        after = base64.b64decode(told["after"], validate=True) if "after" in told else None
    except (IndexError, ValueError) as error:
        raise Wrong("This is not a checkpoint: size or root hash cannot be read.") from error
    found = Checkpoint(name, size, root, signed, after)
    plain = str(found) == text and name == origin  # nothing besides, and in this order
    if not plain or len(root) != 32 or size < 0 or not _is_dated(found):
        raise Wrong("This is not a checkpoint of this log.")
    return found


def _is_dated(found: Checkpoint) -> bool:
    if found.signed is None:
        return found.after is None
    return 0 <= found.signed < 1 << 37 and (found.after is None or len(found.after) == 32)


def check_date(index: int, at: object, known: Iterable[Checkpoint]) -> None:
    """Raises Wrong unless an entry is dated as its place among checkpoints has it.

    What was added after one of them cannot be older than it, and what it covers not newer.
    """
    for one in known:
        if one.when is None:
            continue
        if not isinstance(at, str):
            raise Wrong("The entry has no time.")
        if index >= one.size and at < _as_told(one.when - LATENESS):
            raise Wrong(
                f"The entry is dated {at:.19}, and was added after the checkpoint of "
                f"{one.when:%Y-%m-%d %H:%M:%S}: it is back-dated."
            )
        if index < one.size and at > _as_told(one.when + HASTE):
            raise Wrong(
                f"The entry is dated {at:.19}, and the checkpoint of "
                f"{one.when:%Y-%m-%d %H:%M:%S} covers it: it is dated ahead."
            )


def _as_told(at: datetime) -> str:
    """A time as entries tell it."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"


def parse_json(text: str) -> Any:
    """Returns the value of a JSON text. Raises ValueError for none, Wrong for one read in two ways.

    Where a name stands twice, one program takes the first value and another the last (RFC 8259,
    section 4): who reads the text would see another entry than the one that was checked.
    """
    return json.loads(text, object_pairs_hook=_named_once)


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Wrong("A name stands twice in one object, so readers differ on what it says.")
    return found


def check_receipt(receipt: object, key: Key, known: Sequence[Checkpoint] = ()) -> Checkpoint:
    """Returns the checkpoint that a receipt's entry is proved by. Raises Wrong.

    The entry's time is held to that checkpoint and to those that are `known`.
    """
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
    check_date(index, _time_in(leaf), [checkpoint, *known])
    return checkpoint


def _time_in(leaf: str) -> object:
    try:
        told = parse_json(leaf)
    except (ValueError, RecursionError):
        return None
    return told.get("at") if isinstance(told, dict) else None


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


def check_export(lines: Iterable[str], key: Key, known: Sequence[Checkpoint] = ()) -> Exported:
    """Checks an export (JSON Lines): each entry is in the log, each value what it committed to.

    The time of each is held to the checkpoint of the export and to those that are `known`.
    Raises Wrong that names the first entry which is not. Reads a line at a time.
    """
    rest = iter(lines)
    try:
        note = parse_json(next(rest, ""))["checkpoint"]
    except (ValueError, TypeError, KeyError) as error:
        raise Wrong(
            "This is not an export of the log: its first line has no checkpoint."
        ) from error
    if not isinstance(note, str):
        raise Wrong("The export was made before the log had a checkpoint: it proves nothing.")
    checkpoint, proved, unproved = open_note(note, key), 0, 0
    for number, line in enumerate(rest, start=2):
        try:
            entry = parse_json(line)
            _check_exported(entry, checkpoint, known)
            proved, unproved = proved + bool(entry["proof"]), unproved + (not entry["proof"])
        except Wrong as error:
            raise Wrong(f"Line {number}: {error}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Wrong(f"Line {number} is not an entry of an export.") from error
    return Exported(checkpoint, proved, unproved)


BLINDING = "blinding"  # random bytes, so that nobody guesses an entry that commits to nothing
LEAF = ("actor", "at", "commitments", "details", "id", "kind", "subject", "trail")


def _check_exported(
    entry: dict[str, Any], checkpoint: Checkpoint, known: Sequence[Checkpoint]
) -> None:
    if others := set(entry) - {*LEAF, "personal", "proof"}:
        raise Wrong(f"Nothing proves what the entry says under the name {min(others)!r}.")
    if proof := entry["proof"]:
        path = [base64.b64decode(each, validate=True) for each in proof["inclusion"]]
        leaf = leaf_hash(canonical({name: entry[name] for name in LEAF} | {"v": 1}))
        check_inclusion(leaf, proof["index"], checkpoint.size, path, checkpoint.root)
        if base64.b64decode(proof["leaf_hash"], validate=True) != leaf:
            raise Wrong("The leaf hash that stands beside the entry is not the entry's.")
        check_date(proof["index"], entry["at"], [checkpoint, *known])
    if set(entry["personal"]) != set(entry["commitments"]) - {BLINDING}:
        raise Wrong("The entry has other personal values than it commits to.")
    for name, kept in entry["personal"].items():
        if kept is None:
            continue  # erased; the commitment stays
        committed = hashlib.sha256(bytes.fromhex(kept["salt"]) + canonical(kept["value"]))
        if committed.hexdigest() != entry["commitments"][name]:
            raise Wrong(f"The entry does not commit to the value given as its {name}.")


def read_proof(told: object) -> list[bytes]:
    """Returns the hashes of a proof as the portal tells them. Raises ValueError."""
    proof = told.get("proof") if isinstance(told, dict) else None
    if not isinstance(proof, list) or not all(isinstance(each, str) for each in proof):
        raise ValueError("this is not a proof, JSON with the name proof.")
    return [base64.b64decode(each, validate=True) for each in proof]


def check_growth(kept: Checkpoint, latest: Checkpoint, proof: Sequence[bytes]) -> None:
    """Raises Wrong unless the log that you kept a checkpoint of is the beginning of today's."""
    require_growth(kept, latest, proof)
    _require_signed_once(kept, latest)
    if kept.signed is not None and (latest.signed is None or latest.signed < kept.signed):
        raise Wrong("The later checkpoint does not say that it was signed later.")


def _require_signed_once(one: Checkpoint, other: Checkpoint) -> None:
    """Raises Wrong for two of a size that tell another time or another one before: one was hidden.

    Of each size a log signs one, and the next names it.
    """
    if one.size == other.size and one != other and None not in (one.signed, other.signed):
        raise Wrong(
            f"Two checkpoints of size {one.size:,} were signed, at {one.when:%Y-%m-%d %H:%M:%S} "
            f"and at {other.when:%Y-%m-%d %H:%M:%S}, where a log signs one."
        )


def require_growth(kept: Checkpoint, latest: Checkpoint, proof: Sequence[bytes]) -> None:
    """The same, of what they say of entries alone."""
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
    parser.add_argument(
        "--proof", nargs="+", type=Path, default=[], help="consistency proofs between checkpoints"
    )
    parser.add_argument("--url", help="fetch today's checkpoint and the proofs from this portal")
    parser.add_argument("--witness", help="a witness's public key: it must have cosigned")
    asked = parser.parse_args(arguments)
    if not (asked.receipt or asked.export or (asked.kept and (asked.latest or asked.url))):
        parser.error("name a --receipt, an --export, or a --kept checkpoint and --latest or --url")
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
    proofs = [parse_json(_text(path)) for path in asked.proof]
    known = [open_note(_text(asked.kept), key)] if asked.kept else []
    # Before the latest one, so that it is not newer than that.
    witnessed = (
        _fetch(asked.url, "/log/checkpoint/witnessed") if asked.witness and asked.url else ""
    )
    if asked.latest or asked.url:
        note = _latest(asked)
        known.append(open_note(note, key))
        if asked.witness:
            _check_witness(asked, key, known[-1], witnessed or note)
    if asked.kept and len(known) > 1:
        _compare((known[0], known[1]), proofs, asked.url)
    return _compare_held(asked, key, known, proofs)


def _compare_held(
    asked: argparse.Namespace, key: Key, known: Sequence[Checkpoint], proofs: Sequence[object]
) -> int:
    """Checks receipts and exports, and compares their checkpoints with those that are known."""
    code, seen = 0, [*known]
    for path, held in _held(asked, key, known):
        for one in seen:
            if one.size == held.size:  # two of one size need no proof
                check_consistency(one.size, held.size, [], one.root, held.root)
                _require_signed_once(one, held)
        seen.append(held)
        if not any(_is_one_log(held, one, proofs, asked.url) for one in reversed(known)):
            code = 2 if known else code
            sys.stdout.write(f"{path}: {_NOT_COMPARED[bool(known)]}\n")
    return code


def _held(
    asked: argparse.Namespace, key: Key, known: Sequence[Checkpoint]
) -> Iterator[tuple[Path, Checkpoint]]:
    """The checkpoint of each receipt and of each export, once it was checked."""
    for path in asked.receipt:
        for receipt in _receipts(parse_json(_text(path))):
            held = check_receipt(receipt, key, known)
            sys.stdout.write(f"{path}: holds, in the log of size {held.size:,}.\n")
            yield path, held
    for path in asked.export:
        yield path, _check_file(path, key, known)


def _check_file(path: Path, key: Key, known: Sequence[Checkpoint]) -> Checkpoint:
    with path.open(encoding="utf-8") as lines:
        held = check_export(lines, key, known)
    size = f"{held.checkpoint.size:,}"
    sys.stdout.write(f"{path}: {held.proved:,} entries are in the log of size {size}.\n")
    if held.unproved:
        told = "have no proof: they came after its checkpoint, or are not in the log at all"
        sys.stdout.write(f"{path}: {held.unproved:,} entries {told}.\n")
    return held.checkpoint


def _receipts(told: object) -> list[object]:
    """The receipts of a file: one, or those of the pieces that a download came in."""
    pieces = told.get("receipts") if isinstance(told, dict) else None
    if pieces is not None and not (isinstance(pieces, list) and pieces):
        raise Wrong("This is not a receipt.")
    return pieces or [told]


_NOT_COMPARED = {
    False: "not compared with another checkpoint, so it may be of a log that only you were shown; "
    "give --kept or --url.",
    True: "not compared with the checkpoint that you gave; give --url, or a --proof between both.",
}


def _latest(asked: argparse.Namespace) -> str:
    if asked.latest:
        return _text(asked.latest)
    note = _fetch(asked.url, "/log/checkpoint")
    if "\n\n\N{EM DASH} " not in note:
        raise ValueError("what came from --url is not a signed checkpoint.")
    return note


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
    if latest.when:
        sys.stdout.write(f"It was signed on {latest.when:%Y-%m-%d at %H:%M:%S} UTC.\n")


def _check_witness(asked: argparse.Namespace, key: Key, latest: Checkpoint, note: str) -> None:
    """The newest checkpoint that has a cosignature may be older than the latest one."""
    witness, seen = parse_key(asked.witness, COSIGNATURE), open_note(note, key)
    when = datetime.fromtimestamp(cosigned_at(note, witness), UTC)
    proof = _proof_between(seen.size, latest.size, [], asked.url) if seen.size < latest.size else []
    check_growth(seen, latest, proof or [])
    said = f"{witness.name} cosigned its first {seen.size:,} entries on"
    sys.stdout.write(f"{said} {when:%Y-%m-%d at %H:%M:%S} UTC.\n")


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
    return read_proof(parse_json(_fetch(url, f"/log/proof/consistency?{first=}&{second=}")))


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
