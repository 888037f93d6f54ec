"""Draw the base clips in ``base/``: moving shapes with the word SYNTHETIC.

A development tool, run by hand when the clips should look different; the portal never runs it and
needs neither ffmpeg nor Pillow for its demo data:

    python -m requests_app.datasets.demo.draw_base_clips

The files are H.264 (constrained baseline, yuv420p, no sound), with the index in front.
``<group>-<shape>-<letter>.mp4``: a dataset's first class gets the first group, and so on.
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, SCALE = 160, 120, 4
BASE = Path(__file__).parent / "base"

Points = list[tuple[float, float]]


def polygon(sides: int, dents: float = 0.0, turn: float = 0.0) -> Points:
    """A unit polygon around the origin; ``dents`` pulls every second corner inwards."""
    corners = []
    for i in range(sides):
        radius = 1 - dents * (i % 2)
        angle = 2 * math.pi * i / sides + turn
        corners.append((radius * math.sin(angle), -radius * math.cos(angle)))
    return corners


def drop() -> Points:
    """A falling drop: round below, pointed above."""
    return [(0.0, -1.3)] + [
        (0.8 * math.sin(a), 0.1 - 0.8 * math.cos(a))
        for a in (math.radians(d) for d in range(50, 311, 10))
    ]


def leaf(t: float) -> Points:
    """A shape whose edge ripples as ``t`` goes from 0 to 1."""
    return [
        ((1 + 0.25 * math.sin(5 * a + 12 * t)) * math.cos(a), 0.9 * math.sin(a))
        for a in (math.radians(d) for d in range(0, 360, 6))
    ]


# group: (shape, colour, outline only, points at t, centre offset at t, size at t)
Motion = Callable[[float], tuple[float, float, float]]
SHAPES: dict[str, tuple[str, bool, Callable[[float], Points], Motion]] = {
    "1-triangle": ("#b3261e", False, lambda _: polygon(3), lambda t: (26 * wave(6 * t), 0, 24)),
    "2-leaf": ("#4f6f1f", False, leaf, lambda t: (18 * wave(t), 4 * wave(3 * t), 22)),
    "3-diamond": (
        "#5b3a8c", False, lambda _: polygon(4), lambda t: (3 * wave(9 * t), 0, 26 - 12 * t)
    ),
    "4-drop": ("#1f5a96", False, lambda _: drop(), lambda t: (0, -22 + 40 * t, 17)),
    "5-sun": (
        "#e39a12", False, lambda t: polygon(24, 0.22, t),
        lambda t: (50 * t - 25, -18 * abs(wave(1.5 * t)) + 8, 21),
    ),
    "6-ring": ("#0b7a75", True, lambda _: polygon(40), lambda t: (0, 0, 6 + 30 * t)),
    "7-square": (
        "#5f6673", False, lambda _: polygon(4, turn=math.pi / 4),
        lambda t: (14 * wave(t / 2), 0, 24),
    ),
}  # fmt: skip
# letter: (frames, frames a second, slant of the path, background)
VARIANTS = {
    "a": (18, 15, 0.0, "#f4f1ea"),
    "b": (20, 20, 0.35, "#e8eef5"),
    "c": (24, 20, -0.35, "#eef4ea"),
    "d": (15, 12, 0.7, "#f5ebee"),
    "e": (30, 25, -0.7, "#ecebf5"),
}


def wave(t: float) -> float:
    """A sine that swings once as ``t`` grows by one."""
    return math.sin(2 * math.pi * t)


def frame(group: str, letter: str, t: float) -> Image.Image:
    """The picture at ``t``, between 0 (first) and 1 (last)."""
    colour, hollow, points, motion = SHAPES[group]
    slant, background = VARIANTS[letter][2:]
    picture = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), background)
    pen = ImageDraw.Draw(picture)
    dx, dy, size = motion(t)
    cx, cy = WIDTH / 2 + dx, HEIGHT / 2 - 10 + dy + slant * dx
    corners = [((cx + size * x) * SCALE, (cy + size * y) * SCALE) for x, y in points(t)]
    if hollow:
        pen.line([*corners, corners[0]], fill=colour, width=6 * SCALE, joint="curve")
    else:
        pen.polygon(corners, fill=colour)
    font = ImageFont.truetype("DejaVuSans-Bold.ttf", 20 * SCALE)
    pen.text(
        (WIDTH * SCALE / 2, (HEIGHT - 16) * SCALE), "SYNTHETIC", "#1b1f24", font, anchor="mm",
        stroke_width=2 * SCALE, stroke_fill=background,
    )  # fmt: skip
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def draw(group: str, letter: str) -> Path:
    """Draw and encode one clip; returns its path."""
    frames, rate = VARIANTS[letter][:2]
    target = BASE / f"{group}-{letter}.mp4"
    command = (
        f"ffmpeg -loglevel error -y -f rawvideo -pix_fmt rgb24 -s {WIDTH}x{HEIGHT} -r {rate} -i -"
        " -an -c:v libx264 -profile:v baseline -pix_fmt yuv420p -preset veryslow -crf 31"
        " -threads 1 -map_metadata -1 -fflags +bitexact -flags:v +bitexact"
        # The encoder's own advertisement takes 600 bytes of every clip: leave it out.
        " -bsf:v filter_units=remove_types=6 -movflags +faststart"
    )
    raw = b"".join(frame(group, letter, i / (frames - 1)).tobytes() for i in range(frames))
    subprocess.run([*command.split(), str(target)], input=raw, check=True)  # noqa: S603 - our own words
    return target


if __name__ == "__main__":
    BASE.mkdir(exist_ok=True)
    for each in SHAPES:
        for variant in VARIANTS:
            made = draw(each, variant)
            print(f"{made.name}: {made.stat().st_size} bytes")  # noqa: T201 - a tool by hand
