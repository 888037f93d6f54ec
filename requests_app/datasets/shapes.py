"""Fill frozen dataclasses from plain tables (TOML, JSON), naming every fault in a sentence."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Shape = TypeVar("Shape")

_WORDS = {str: "text", int: "a whole number", bool: "true or false"}
_SKIP = object()


def fill(shape: type[Shape], table: Mapping[str, Any], faults: list[str]) -> Shape | None:
    """Build the dataclass ``shape`` from ``table``.

    Understands ``str``, ``int``, ``bool``, ``tuple[X, ...]`` and nested dataclasses; what has a
    default may be absent.
    Each fault (missing, unknown, of another type, empty) is appended to ``faults`` as a sentence;
    returns None when there was one.
    """
    before = len(faults)
    built = _fill(shape, table, "", faults)
    return built if len(faults) == before else None


def _fill(shape: type[Any], table: Mapping[str, Any], where: str, faults: list[str]) -> Any:
    hints = get_type_hints(shape)
    fields = {field.name: field.default for field in dataclasses.fields(shape)}
    faults.extend(
        f"“{where}{key}” is not a field of the card; remove it or correct it."
        for key in table
        if key not in fields
    )
    values: dict[str, Any] = {}
    for name, default in fields.items():
        if name in table:
            values[name] = _value(hints[name], table[name], f"{where}{name}", faults)
        elif default is dataclasses.MISSING:
            faults.append(f"“{where}{name}” is missing.")
            values[name] = _SKIP
    return _SKIP if _SKIP in values.values() else shape(**values)


def _value(hint: Any, value: Any, where: str, faults: list[str]) -> Any:
    if get_origin(hint) is tuple:
        return _values(get_args(hint)[0], value, where, faults)
    if dataclasses.is_dataclass(hint):
        return _table(hint, value, where, faults)
    return _scalar(hint, value, where, faults)


def _table(shape: Any, value: Any, where: str, faults: list[str]) -> Any:
    if isinstance(value, Mapping):
        return _fill(shape, value, f"{where}.", faults)
    faults.append(f"“{where}” must be a table.")
    return _SKIP


def _scalar(kind: type, value: Any, where: str, faults: list[str]) -> Any:
    # bool is a subclass of int, so compare the type itself: `count = true` is a mistake.
    if type(value) is not kind:
        faults.append(f"“{where}” must be {_WORDS[kind]}.")
        return _SKIP
    if isinstance(value, str) and not value.strip():
        faults.append(f"“{where}” is empty; write it or remove it.")
        return _SKIP
    if isinstance(value, str) and "\0" in value:  # TOML can spell one, PostgreSQL keeps none
        faults.append(f"“{where}” holds the character NUL; remove it.")
        return _SKIP
    return value.strip() if isinstance(value, str) else value


def _values(hint: Any, value: Any, where: str, faults: list[str]) -> Any:
    if not isinstance(value, list | tuple) or not value:
        faults.append(f"“{where}” must be a list with at least one item.")
        return _SKIP
    built = tuple(
        _value(hint, item, f"{where}[{number}]", faults) for number, item in enumerate(value, 1)
    )
    return _SKIP if _SKIP in built else built
