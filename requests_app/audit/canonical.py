"""The canonical form of an entry and of a committed value: RFC 8785 JSON, hashed by SHA-256."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

import orjson
import rfc8785

FORMAT: Final = 1
"""Version of the form of an entry; part of every leaf."""

_SIMPLE: Final = frozenset({str, bool, type(None)})
_FLAT: Final = _SIMPLE | {int}

BLINDING: Final = "blinding"
"""Stands among the commitments of an entry that commits to no value, and is random."""


def canonical(value: Any) -> bytes:
    """Returns the RFC 8785 form of a JSON value. Raises `rfc8785.CanonicalizationError`."""
    # Without floats, huge numbers and keys beyond ASCII both say the same; one is much faster.
    if _is_plain(value):
        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:
            pass  # half a surrogate pair: refused below, with a reason
    return rfc8785.dumps(value)


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind in _SIMPLE:
        return True
    if kind is int:
        return bool(-(2**53) < value < 2**53)
    if kind is dict:
        try:
            if not "".join(value).isascii():
                return False
        except TypeError:
            return False
        value = value.values()
    elif kind is not list:
        return False
    return all(map(_is_plain, [each for each in value if type(each) not in _SIMPLE]))


def has_float(value: Any) -> bool:
    """Whether a float is anywhere in a value."""
    if isinstance(value, dict):
        return any(map(has_float, value.values()))
    return isinstance(value, float) or (
        isinstance(value, list | tuple) and any(map(has_float, value))
    )


def are_plain(objects: Sequence[dict[str, Any]]) -> bool:
    """Whether `plain` may be given these. Raises TypeError for what is no object."""
    if not "".join(set(chain.from_iterable(objects))).isascii():
        return False
    inside = chain.from_iterable(map(dict.values, objects))
    return _FLAT.issuperset(map(type, inside)) or all(map(_is_plain, objects))


def instant(at: datetime) -> str:
    """Returns a time as a leaf says it: in UTC, with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def form(  # noqa: PLR0917 - by name takes a tenth longer, for each of a million
    number: int,
    at: str,
    kind: str,
    actor: str,
    subject: str,
    trail: str,
    details: dict[str, Any],
    commitments: dict[str, str],
) -> dict[str, Any]:
    """Returns what an entry says, `at` as `instant` tells it; its canonical form is its leaf.

    Schema: docs/reference/entries.md.
    """
    return {
        "actor": actor,
        "at": at,
        "commitments": commitments,
        "details": details,
        "id": number,
        "kind": kind,
        "subject": subject,
        "trail": trail,
        "v": FORMAT,
    }


def plain(said: dict[str, Any]) -> bytes:
    """Returns what `canonical` does, sooner, of a `form` with objects that `are_plain`.

    Raises TypeError for a number or a text that has no canonical form.
    """
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)


def new_salt() -> str:
    """Returns 32 random bytes in hexadecimal: enough that a commitment hides a guessable value."""
    return secrets.token_hex(32)


def commitment(salt: str, value: Any) -> str:
    """Returns the hexadecimal SHA-256 of the salt's bytes followed by the canonical value."""
    return hashlib.sha256(bytes.fromhex(salt) + canonical(value)).hexdigest()
