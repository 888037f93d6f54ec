"""What changed between two versions of an agreement text, paragraph by paragraph, word by word."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import groupby
from typing import Final

_WORDS: Final = re.compile(r"\s+|[^\s]+")
_BLANK_LINES: Final = re.compile(r"\n\s*\n")
# Two paragraphs that share less than this are not one that was changed.
_ALIKE: Final = 0.5


class Change(StrEnum):
    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Part:
    """A run of words of a paragraph; `change` is never CHANGED."""

    change: Change
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """One paragraph as it was and is. Parts that were not removed make up the new paragraph."""

    change: Change
    parts: tuple[Part, ...]


def runs(passages: Iterable[Passage]) -> list[tuple[bool, list[Passage]]]:
    """Gathers neighbours that did not change, so that a page can fold them away."""
    by_sameness = groupby(passages, key=lambda passage: passage.change is Change.SAME)
    return [(same, list(run)) for same, run in by_sameness]


def compare(old: str, new: str) -> list[Passage]:
    """Returns every paragraph of both versions, in reading order; nothing is left out.

    Paragraphs are parted by empty lines: a clause, a heading, an affirmation, a table.
    """
    before, after = _paragraphs(old), _paragraphs(new)
    found: list[Passage] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, first, last in matcher.get_opcodes():
        if tag == "equal":
            found += [_whole(Change.SAME, text) for text in after[first:last]]
        else:
            found += _replaced(before[start:end], after[first:last])
    return found


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in _BLANK_LINES.split(text) if part.strip()]


def _whole(change: Change, text: str) -> Passage:
    return Passage(change, (Part(change, text),))


def _replaced(before: Sequence[str], after: Sequence[str]) -> Iterator[Passage]:
    """Pairs each new paragraph with the first one left that it resembles; order is kept."""
    at = 0
    for text in after:
        ahead = range(at, len(before))
        twin = next((index for index in ahead if _alike(before[index], text)), None)
        if twin is None:
            yield _whole(Change.ADDED, text)
            continue
        yield from (_whole(Change.REMOVED, gone) for gone in before[at:twin])
        yield Passage(Change.CHANGED, tuple(_words(before[twin], text)))
        at = twin + 1
    yield from (_whole(Change.REMOVED, gone) for gone in before[at:])


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one.split(), other.split(), autojunk=False).ratio() >= _ALIKE


def _words(old: str, new: str) -> Iterator[Part]:
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, first, last in matcher.get_opcodes():
        if tag == "equal":
            yield Part(Change.SAME, "".join(after[first:last]))
            continue
        if start < end:
            yield Part(Change.REMOVED, "".join(before[start:end]))
        if first < last:
            yield Part(Change.ADDED, "".join(after[first:last]))
