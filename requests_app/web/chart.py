"""Where the marks of the class chart go: counts turned into positions across its width.

The counts of one dataset may span three powers of ten, so the dots stand on a logarithmic scale
with labelled ticks; a position reads truly there, a bar's length would not. The split into emotion
and no emotion is a bar, on a linear scale. Positions are text (``"41.37%"``) because a template
would write a number with the separator of the reader's language.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from requests_app.datasets.card import Card, ClipClass

# Beyond this share of the width a number no longer fits to the right of its dot.
_LABEL_TURNS_AT = 0.7


@dataclass(frozen=True, slots=True)
class Dot:
    """One class: its position, and whether its number stands left of the dot."""

    name: str
    count: int
    is_emotion: bool
    at: str
    label_before: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """One labelled gridline; ``anchor`` is an SVG ``text-anchor``."""

    value: int
    at: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Split:
    """The bar of clips with and without emotion, and each one's share of all clips."""

    emotion_width: str
    rest_at: str
    rest_width: str
    emotion_share: str
    rest_share: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the class table."""

    name: str
    count: int
    share: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything the page draws about the classes: dots largest first, rows in the card's order."""

    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    split: Split
    emotions: tuple[Row, ...]
    rest: tuple[Row, ...]


def class_chart(card: Card) -> Chart:
    """Lay out the chart and the table of ``card``'s classes."""
    total = card.totals.all
    low, high = _decades([c.count for c in card.classes])
    largest_first = sorted(card.classes, key=lambda c: -c.count)
    return Chart(
        dots=tuple(_dot(c, low, high) for c in largest_first),
        ticks=tuple(_tick(power, low, high) for power in range(low, high + 1)),
        split=_split(card.totals.emotion, total),
        emotions=tuple(_row(c, total) for c in card.emotions),
        rest=tuple(_row(c, total) for c in card.without_emotion),
    )


def share(part: int, whole: int) -> str:
    """``part`` of ``whole`` in per cent with one decimal, never rounded down to nothing."""
    percent = 100 * part / whole
    return "<0.1%" if 0 < percent < 0.05 else f"{percent:.1f}%"


def _decades(counts: Sequence[int]) -> tuple[int, int]:
    """The powers of ten around ``counts``, at least one apart."""
    low = math.floor(math.log10(min(counts)))
    high = math.ceil(math.log10(max(counts)))
    return low, max(high, low + 1)


def _position(value: float, low: int, high: int) -> float:
    return (math.log10(value) - low) / (high - low)


def _dot(c: ClipClass, low: int, high: int) -> Dot:
    position = _position(c.count, low, high)
    return Dot(c.name, c.count, c.is_emotion, _percent(position), position > _LABEL_TURNS_AT)


def _tick(power: int, low: int, high: int) -> Tick:
    anchor = {low: "start", high: "end"}.get(power, "middle")
    return Tick(10**power, _percent((power - low) / (high - low)), anchor)


def _split(emotion: int, total: int) -> Split:
    width = emotion / total
    return Split(
        emotion_width=_percent(width),
        rest_at=_percent(width),
        rest_width=_percent(1 - width),
        emotion_share=share(emotion, total),
        rest_share=share(total - emotion, total),
    )


def _row(c: ClipClass, total: int) -> Row:
    return Row(c.name, c.count, share(c.count, total))


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}%"
