"""The synthetic release: right counts, playable boxes, every clip unlike every other."""

import hashlib
import json
import struct
from collections import Counter
from pathlib import Path

import pytest

from requests_app.datasets.card import read_card
from requests_app.datasets.demo.clips import (
    BASE,
    BOX_TYPE,
    demo_clips,
    identity_box,
    write_demo_release,
)
from requests_app.datasets.folder import read_folder
from requests_app.errors import Conflict
from tests.datasets.test_card import CARDS
from tests.factories.datasets import make_card


def boxes(content: bytes) -> list[tuple[bytes, bytes]]:
    """Top-level MP4 boxes (ISO/IEC 14496-12): type and payload; fails unless they fill the file."""
    found, position = [], 0
    while position < len(content):
        size, kind = struct.unpack_from(">I4s", content, position)
        assert 8 <= size <= len(content) - position
        found.append((kind, content[position + 8 : position + size]))
        position += size
    return found


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_release_agrees_with_its_own_labels_and_the_card(tmp_path: Path) -> None:
    card = make_card()
    made = write_demo_release(tmp_path / "release", card)
    files = read_folder(tmp_path / "release", card)
    counts = Counter(f.label for f in files if f.label)
    assert counts == {c.key: c.count for c in card.classes}
    assert made.clips == 9
    assert made.size == sum(f.source.stat().st_size for f in files)
    assert "SYNTHETIC" in (tmp_path / "release" / "README.txt").read_text()


def test_two_runs_give_the_same_bytes_and_every_file_its_own(tmp_path: Path) -> None:
    card = make_card()
    for name in ("one", "two"):
        write_demo_release(tmp_path / name, card)
    first = digests(tmp_path / "one")
    assert first == digests(tmp_path / "two")
    assert len(set(first.values())) == len(first) == 9 + 2


def test_a_clip_is_a_base_clip_and_a_box_that_names_it(tmp_path: Path) -> None:
    card = make_card()
    write_demo_release(tmp_path, card)
    for clip in demo_clips(card):
        content = (tmp_path / clip.path).read_bytes()
        *playable, (kind, payload) = boxes(content)
        assert [kind for kind, _ in playable] == [kind for kind, _ in boxes(clip.base.read_bytes())]
        assert (kind, payload[:16]) == (b"uuid", BOX_TYPE.bytes)
        facts = {"clip": clip.clip_id, "dataset": "gulls", "synthetic": True}
        assert json.loads(payload[16:]) == facts
        assert content.endswith(identity_box(card, clip))


@pytest.mark.parametrize("base", sorted(BASE.glob("*.mp4")), ids=lambda path: path.stem)
def test_base_clips_are_small_and_start_at_once(base: Path) -> None:
    content = base.read_bytes()
    kinds = [kind for kind, _ in boxes(content)]
    assert kinds[0] == b"ftyp"
    assert kinds.index(b"moov") < kinds.index(b"mdat"), "the index must come before the pictures"
    assert 1_500 < len(content) < 6_000
    assert b"avc1" in content
    assert b"mp4a" not in content


def test_the_cmed_demo_has_every_clip_under_pseudonyms() -> None:
    card = read_card(CARDS / "cmed.toml")
    clips = list(demo_clips(card))
    assert Counter(clip.label for clip in clips) == {c.key: c.count for c in card.classes}
    assert len({clip.path for clip in clips}) == card.totals.all
    labels_of: dict[str, set[str]] = {}
    for clip in clips:
        labels_of.setdefault(clip.participant_code, set()).add(clip.label)
    assert 100 <= len(labels_of) <= 150
    assert all(len(labels) > 1 for labels in labels_of.values())
    bases_of: dict[str, set[Path]] = {}
    for clip in clips:
        bases_of.setdefault(clip.label, set()).add(clip.base)
    assert all(len(bases) >= 4 for bases in bases_of.values())
    assert len(set().union(*bases_of.values())) == sum(len(b) for b in bases_of.values())


def test_progress_is_reported_for_every_clip(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_demo_release(tmp_path, make_card(), progress=lambda *step: seen.append(step))
    assert seen == [(number, 9) for number in range(1, 10)]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(Conflict, match="is not empty"):
        write_demo_release(tmp_path, make_card())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
