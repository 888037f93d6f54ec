"""Which way a text runs: the renderer takes `dir="auto"` for from left to right.

So a sentence in Arabic or Hebrew with a Latin word or a number in it would be printed with its
parts in the wrong order. Browsers find the direction themselves, as HTML says (3.2.6.4): by the
first letter that has one.
"""

import unicodedata
from typing import Final
from xml.etree.ElementTree import Element

_RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})


def resolve_directions(page: Element) -> None:
    """Gives each element below `page` whose direction is to be found (also `bdi`) its direction."""
    for element in page.iter():
        if element.get("dir", "auto" if element.tag == "bdi" else "") == "auto":
            element.set("dir", direction("".join(element.itertext())))


def direction(text: str) -> str:
    """Returns `rtl` if the first letter of a text that has a direction runs to the left."""
    for char in text:
        if (found := unicodedata.bidirectional(char)) in _RIGHT_TO_LEFT:
            return "rtl"
        if found == "L":
            break
    return "ltr"
