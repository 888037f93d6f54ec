"""The reference page of the card names every field, and no other."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

from requests_app.datasets.card import Card

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "dataset-card.md"


def fields(shape: type, prefix: str = "") -> Iterator[str]:
    for name, hint in get_type_hints(shape).items():
        inner = next(
            (arg for arg in (hint, *get_args(hint)) if dataclasses.is_dataclass(arg)), None
        )
        if inner is None:
            yield f"{prefix}{name}"
        else:
            yield from fields(inner, f"{name}.")


def test_every_field_is_documented_and_every_documented_field_exists() -> None:
    rows = re.findall(r"^\| (`.+?`) \|", PAGE.read_text(), re.MULTILINE)
    documented = [name for row in rows for name in re.findall(r"`([a-z_.]+)`", row)]
    assert sorted(documented) == sorted(fields(Card))
