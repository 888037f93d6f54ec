"""The colours of the portal keep the contrast that WCAG 2.2 AA asks for, in both schemes."""

import re
from pathlib import Path

import pytest

TOKENS = Path("requests_app/web/static/web/tokens.css").read_text(encoding="utf-8")

TEXT = [
    *[
        (ink, paper)
        for ink in ("ink", "ink-2", "accent", "accent-hover", "good", "warn", "bad", "info")
        for paper in ("paper", "paper-2")
    ],
    *[("ink", f"{tone}-soft") for tone in ("accent", "info", "good", "warn", "bad")],
    *[(tone, f"{tone}-soft") for tone in ("info", "good", "warn", "bad")],
    ("ink", "accent-soft"),
    ("ink-2", "paper-3"),
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    ("on-deep", "deep"),
    ("on-deep-2", "deep"),
]
EDGES = [(edge, paper) for edge in ("edge", "focus") for paper in ("paper", "paper-2")]


def colours(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6});", css))


_light, _, _dark = TOKENS.partition("@media (prefers-color-scheme: dark)")
SCHEMES = {"light": colours(_light), "dark": colours(_light) | colours(_dark)}


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance of an sRGB colour."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_sums_are_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("ink", "paper"), TEXT)
def test_text_can_be_read(scheme: str, ink: str, paper: str) -> None:
    assert contrast(SCHEMES[scheme][ink], SCHEMES[scheme][paper]) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("edge", "paper"), EDGES)
def test_edges_and_focus_rings_can_be_seen(scheme: str, edge: str, paper: str) -> None:
    assert contrast(SCHEMES[scheme][edge], SCHEMES[scheme][paper]) >= 3


def test_dark_scheme_changes_every_colour() -> None:
    assert colours(_dark).keys() == colours(_light).keys()


def test_only_the_tokens_name_colours() -> None:
    for sheet in Path("requests_app/web/static/web").glob("*.css"):
        if sheet.name not in {"tokens.css", "print.css"}:
            assert not re.findall(r"#[0-9a-f]{3,8}\b", sheet.read_text(encoding="utf-8")), sheet
