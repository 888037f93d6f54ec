"""A signature drawn on the page, if somebody wants one: read strictly, kept as a plain path.

It adds to the typed name and never takes its place. The page sends strokes of whole-numbered
points; what is kept is SVG path data made of M, L, digits and spaces, so that nothing else can
ever be drawn from it.
"""

import json
from itertools import chain
from typing import Any, Final

from requests_app.errors import Invalid

WIDTH: Final = 600
HEIGHT: Final = 200
MOST_STROKES: Final = 100
MOST_POINTS: Final = 4_000
LONGEST: Final = 60_000
"""Characters that the page may send."""

_UNREADABLE: Final = (
    "The drawing could not be read. Clear it and draw again, or leave it out: the typed name is "
    "the signature."
)


def read_drawing(sent: str) -> str:
    """Returns the path of a drawing as the page sends it, empty for none.

    `sent` is JSON: a list of strokes, each a list of points `[x, y]` within `WIDTH` and `HEIGHT`.
    Raises Invalid, under the field `drawn`, for anything else.
    """
    if not sent.strip():
        return ""
    if len(sent) > LONGEST:
        raise _refusal()
    try:
        strokes = json.loads(sent)
    except (ValueError, RecursionError) as error:
        raise _refusal() from error
    if not _is_drawing(strokes):
        raise _refusal()
    return " ".join(_path(stroke) for stroke in strokes)


def _is_drawing(strokes: Any) -> bool:
    if not isinstance(strokes, list) or len(strokes) > MOST_STROKES:
        return False
    if not all(isinstance(stroke, list) and stroke for stroke in strokes):
        return False
    points = list(chain.from_iterable(strokes))
    return len(points) <= MOST_POINTS and all(map(_is_point, points))


def _is_point(point: Any) -> bool:
    if not (isinstance(point, list) and len(point) == 2):
        return False
    x, y = point
    # bool is a kind of int, and is no place on the page.
    return type(x) is type(y) is int and 0 <= x <= WIDTH and 0 <= y <= HEIGHT


def _path(stroke: list[tuple[int, int]]) -> str:
    """One stroke; a dot is a line of no length, which round ends make visible."""
    (x, y), *others = stroke
    return f"M{x} {y} " + " ".join(f"L{x} {y}" for x, y in others or [(x, y)])


def _refusal() -> Invalid:
    return Invalid(_UNREADABLE, {"drawn": [_UNREADABLE]})
