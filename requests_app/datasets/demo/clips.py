"""A synthetic release: playable clips in a card's class counts, each with bytes of its own.

Every clip is one of the drawn base clips followed by an MP4 ``uuid`` box that names the clip
(ISO/IEC 14496-12, 4.2): players skip boxes they do not know. The same card gives the same bytes
on every machine.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from uuid import UUID

from requests_app.datasets.card import Card
from requests_app.datasets.folder import LABEL_COLUMNS, LABELS_FILE, README_FILE
from requests_app.errors import Conflict

BASE = Path(__file__).parent / "base"
PARTICIPANTS = 120
# Marks our box among other `uuid` boxes; drawn once at random.
BOX_TYPE = UUID("6f0a4b7e-2f6d-4b52-9a39-0c1f4c1f7d52")

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class DemoClip:
    """One synthetic clip: its path inside the release, its label and its participant's code."""

    clip_id: str
    label: str
    participant_code: str
    base: Path

    @property
    def path(self) -> str:
        return f"clips/{self.label}/{self.clip_id}.mp4"


@dataclass(frozen=True, slots=True)
class DemoRelease:
    """What was written: the number of clips and the size of all files in bytes."""

    folder: Path
    clips: int
    size: int


def write_demo_release(
    folder: Path, card: Card, *, scale: float = 1.0, progress: Progress | None = None
) -> DemoRelease:
    """Write a synthetic release of ``card`` into the empty or missing ``folder``.

    ``scale`` is the share of each class's clips to make (1 makes all, and never fewer than one).
    ``progress`` is called with the number of clips written and the number to write. Raises
    ``Conflict`` when the folder holds something already, and ``OSError`` when the disk is full.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} is not empty; name an empty folder for the demo data.")
    for clip_class in card.classes:
        (folder / "clips" / clip_class.key).mkdir(parents=True, exist_ok=True)
    bases: dict[Path, bytes] = {}
    clips = list(demo_clips(card, scale=scale))
    size = 0
    for number, clip in enumerate(clips, 1):
        base = bases.setdefault(clip.base, b"") or clip.base.read_bytes()
        bases[clip.base] = base
        size += (folder / clip.path).write_bytes(base + identity_box(card, clip))
        if progress is not None:
            progress(number, len(clips))
    for name, text in ((LABELS_FILE, _labels(clips)), (README_FILE, _readme(card, clips))):
        size += (folder / name).write_bytes(text.encode())
    return DemoRelease(folder, len(clips), size)


def demo_clips(card: Card, *, scale: float = 1.0) -> Iterator[DemoClip]:
    """The synthetic clips of ``card``, class by class, numbered through."""
    groups = _base_groups()
    participants = max(1, min(PARTICIPANTS, card.totals.all // 4))
    number = 0
    for index, clip_class in enumerate(card.classes):
        group = groups[index % len(groups)]
        for _ in range(max(1, round(clip_class.count * scale))):
            number += 1
            code = f"P{_participant(card, number, participants):03d}"
            clip_id = f"{card.slug.upper()}-{code}-{number:05d}"
            yield DemoClip(clip_id, clip_class.key, code, group[number % len(group)])


def identity_box(card: Card, clip: DemoClip) -> bytes:
    """The MP4 box that makes a clip unlike every other: size, ``uuid``, type, JSON."""
    facts = {"clip": clip.clip_id, "dataset": card.slug, "synthetic": True}
    payload = BOX_TYPE.bytes + json.dumps(facts, separators=(",", ":")).encode()
    return struct.pack(">I4s", 8 + len(payload), b"uuid") + payload


def _participant(card: Card, number: int, participants: int) -> int:
    """From 1 to ``participants``; low numbers have more clips, so that counts differ."""
    digest = hashlib.sha256(f"{card.slug}:{number}".encode()).digest()
    share = int.from_bytes(digest[:4]) / 2**32
    return 1 + int(participants * (share + share * share) / 2)


def _base_groups() -> Sequence[Sequence[Path]]:
    """The base clips by shape: ``<group>-<shape>-<letter>.mp4``."""
    clips = sorted(BASE.glob("*.mp4"))
    return [list(group) for _, group in groupby(clips, key=lambda p: p.stem.rpartition("-")[0])]


def _labels(clips: Sequence[DemoClip]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(LABEL_COLUMNS)
    rows.writerows((clip.path, clip.label, clip.participant_code) for clip in clips)
    return text.getvalue()


def _readme(card: Card, clips: Sequence[DemoClip]) -> str:
    of_label = Counter(clip.label for clip in clips)
    counts = "\n".join(f"  {c.name:<16}{of_label[c.key]:>7,}" for c in card.classes)
    return (
        f"SYNTHETIC DEMONSTRATION DATA\n\n"
        f"{card.title}\n\n"
        "Nothing in this release was recorded. The clips are drawn shapes that stand in for the\n"
        "real ones, so that the portal can be tried out. They show nobody; the participant codes\n"
        "belong to nobody; no result obtained with them means anything.\n\n"
        f"{counts}\n  {'All':<16}{len(clips):>7,}\n\n"
        f"{LABELS_FILE} has one row for each clip: {', '.join(LABEL_COLUMNS)}.\n"
        "Each clip ends with an MP4 box of type uuid that names the clip and says that it is\n"
        "synthetic.\n"
    )
