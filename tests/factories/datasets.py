"""Cards and release folders for tests: a made-up dataset, so that no test leans on a real one."""

import json
from pathlib import Path
from typing import Any

from requests_app.datasets.card import Card, card_from

LABELS = "path,label,participant_code\n"


def card_table(**changes: Any) -> dict[str, Any]:
    """A whole card as TOML would give it: 3 + 2 clips with a feeling and 4 without."""
    table: dict[str, Any] = {
        "slug": "gulls",
        "title": "Gulls: moods of gulls",
        "short_title": "Gulls",
        "summary": "Clips of gulls.",
        "description": ["Gulls have moods.", "We filmed them."],
        "language": "en",
        "year": 2024,
        "keywords": ["gulls", "moods"],
        "clip_format": "Short clips, one label each",
        "source": "A pier",
        "participants": "Gulls wear numbers.",
        "applications": ["Peace on piers"],
        "daa": "gulls-daa-1",
        "totals": {"emotion": 5, "no_emotion": 4, "all": 9},
        "classes": [
            {"key": "hungry", "name": "Hungry", "count": 3, "is_emotion": True},
            {"key": "cross", "name": "Cross", "count": 2, "is_emotion": True},
            {"key": "no-mood", "name": "No mood", "count": 4, "is_emotion": False},
        ],
        "baselines": [{"title": "By eye", "text": "Look."}],
        "authors": [{"family": "Larus", "given": "Anna"}, {"family": "Sterna", "given": "Bo C."}],
        "citation": {
            "title": "Gulls: A Study",
            "doi": "10.1234/gulls.1",
            "url": "https://doi.org/10.1234/gulls.1",
            "publisher": "Pier Press",
        },
        "contact": {"name": "Anna Larus", "email": "anna@pier.example"},
        "terms": {"name": "Gull Agreement", "text": "For research."},
        "access_steps": [{"title": "Ask", "text": "Fill in."}],
        "compliance": [{"id": "no-feeding", "text": "We will not feed them."}],
    }
    return table | changes


def make_card(**changes: Any) -> Card:
    return card_from(card_table(**changes))


def write_card(path: Path, **changes: Any) -> Path:
    """A card file (TOML) with the facts of ``card_table``."""
    lines: list[str] = []
    for key, value in card_table(**changes).items():
        tables = value if isinstance(value, list) and isinstance(value[0], dict) else [value]
        if not isinstance(tables[0], dict):
            lines.insert(0, f"{key} = {json.dumps(value)}")  # such JSON is TOML as well
            continue
        for table in tables:
            lines.append(f"[[{key}]]" if isinstance(value, list) else f"[{key}]")
            lines += [f"{name} = {json.dumps(item)}" for name, item in table.items()]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def fill_folder(folder: Path, files: dict[str, str], rows: list[str] | None = None) -> Path:
    """Write ``files`` (path: text) below ``folder``, and a ``labels.csv`` of ``rows`` if given."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    if rows is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "labels.csv").write_text(LABELS + "".join(f"{row}\n" for row in rows))
    return folder


def release_folder(folder: Path, clips: int = 3) -> Path:
    """A release of ``clips`` small files that agrees with its ``labels.csv`` and ``make_card``."""
    names = [f"clips/hungry/gull-{number:03d}.mp4" for number in range(1, clips + 1)]
    files = {name: f"clip {name}" for name in names} | {"README.txt": "Gulls.\n"}
    rows = [f"{name},hungry,P{number:03d}" for number, name in enumerate(names, 1)]
    return fill_folder(folder, files, rows)
