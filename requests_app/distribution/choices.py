"""Which clips of a release: all, or those of some classes and splits.

A choice is written into addresses as `class=happiness&split=test`. However it was written, it has
one canonical form, so equal choices are one archive with one entity tag.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlencode

from requests_app.errors import Invalid, NotFound

CLASS: Final = "class"
SPLIT: Final = "split"

NOTHING = (
    "No clip is in this choice. Name at least one class that has clips in the split you want, or"
    " leave the choice out to fetch the whole release."
)
NOT_UNDERSTOOD = (
    "A choice is written like ?class=happiness&class=anger&split=test; nothing else is understood."
)
UNKNOWN = "This release has no such class or split. The release's page lists those it has."


class Content(NamedTuple):
    """One file of a release as its row says; `size` in bytes, `label` empty for what is no clip."""

    path: str
    size: int
    crc32: int
    sha256: str
    label: str
    split: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """Keys of classes and names of splits, each sorted and once; none means all of them."""

    classes: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.classes or self.splits)

    @property
    def query(self) -> str:
        """The canonical query string, without the question mark; empty for everything."""
        pairs = [(CLASS, each) for each in self.classes] + [(SPLIT, each) for each in self.splits]
        return urlencode(pairs)

    def covers(self, label: str, split: str | None) -> bool:
        """Whether a file comes along: a clip that was chosen, or a file about the whole release."""
        if not label:
            return True
        by_class = not self.classes or label in self.classes
        return by_class and (not self.splits or split in self.splits)


WHOLE: Final = Choice()


def read_choice(pairs: Iterable[tuple[str, str]]) -> Choice:
    """The choice that the (name, value) pairs of a query string make.

    Raises Invalid for a name that is not `class` or `split`, and for an empty value: who misspells
    a choice must not be sent everything.
    """
    found: dict[str, set[str]] = {CLASS: set(), SPLIT: set()}
    for name, value in pairs:
        if name not in found:
            raise Invalid(NOT_UNDERSTOOD)
        if not value:
            raise Invalid(NOTHING)
        found[name].add(value)
    return Choice(tuple(sorted(found[CLASS])), tuple(sorted(found[SPLIT])))


def chosen(files: Sequence[Content], choice: Choice) -> Sequence[Content]:
    """The files of one release that are in the choice, in the order they come.

    Raises NotFound when the release has no such class or split, Invalid when it has them but no
    clip is in all of them.
    """
    if not choice:
        return files
    labels = {file.label for file in files if file.label}
    splits = {file.split for file in files if file.label}
    if not (labels.issuperset(choice.classes) and splits.issuperset(choice.splits)):
        raise NotFound(UNKNOWN)
    found = [file for file in files if choice.covers(file.label, file.split)]
    if not any(file.label for file in found):
        raise Invalid(NOTHING)
    return found
