"""Read the folder of a release and compare its ``labels.csv`` with the files that are there."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from requests_app.datasets.card import Card
from requests_app.errors import Invalid

LABELS_FILE = "labels.csv"
README_FILE = "README.txt"
LABEL_COLUMNS = ("path", "label", "participant_code")
SPLIT_COLUMN = "split"
LONGEST_PATH = 300

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=-]{0,199}")
_PARTICIPANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_SPLIT = _PARTICIPANT
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of a release. ``path`` is relative with ``/``; only clips have label and code.

    ``size`` in bytes is what it was when the folder was read.
    """

    path: str
    source: Path
    size: int
    label: str = ""
    participant_code: str = ""
    split: str | None = None


@dataclass(slots=True)
class _Labels:
    """What ``labels.csv`` says: path to (label, participant code, split), and its faults."""

    rows: dict[str, tuple[str, str, str | None]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def read_folder(folder: Path, card: Card) -> list[FoundFile]:
    """The files of the release in ``folder``, sorted by path.

    Every file is a clip with one row in ``labels.csv``, except ``labels.csv`` itself and
    ``README.txt``. A path in ``labels.csv`` is only ever compared with the paths found by walking
    the folder, never opened. Raises ``Invalid`` with a sentence for each disagreement (all of them
    in ``fields["folder"]``, the first few in the message).
    """
    if not folder.is_dir():
        raise Invalid(f"{folder} is not a folder; name the folder that holds the release.")
    faults: list[str] = []
    found = dict(sorted(_walk(folder, faults)))
    if LABELS_FILE not in found:
        faults.append(f"{LABELS_FILE} is missing; it names each clip's label and participant.")
        raise _refusal(folder, faults)
    labels = _read_labels(found[LABELS_FILE], card)
    faults += labels.faults
    faults += _disagreements(found, labels.rows)
    if faults:
        raise _refusal(folder, faults)
    return [
        FoundFile(path, source, source.lstat().st_size, *labels.rows.get(path, ()))
        for path, source in found.items()
    ]


def _walk(folder: Path, faults: list[str], prefix: str = "") -> Iterator[tuple[str, Path]]:
    """Each plain file below ``folder`` with its path; what is refused goes into ``faults``."""
    seen: dict[str, str] = {}
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            path = f"{prefix}{entry.name}"
            fault = _entry_fault(entry, path)
            twin = seen.setdefault(entry.name.lower(), path)
            if fault is None and twin != path:
                fault = f"{path} differs from {twin} only in capitals; rename one of them."
            if fault is not None:
                faults.append(fault)
            elif entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), faults, f"{path}/")
            else:
                yield path, Path(entry.path)


def _entry_fault(entry: os.DirEntry[str], path: str) -> str | None:
    if not _NAME.fullmatch(entry.name) or len(path) > LONGEST_PATH:
        return f"{path!r} has a name that is not allowed; use letters, digits and . _ + = -."
    if entry.is_symlink():
        return f"{path} is a symbolic link; put the file itself in the folder."
    if entry.is_dir(follow_symlinks=False):
        return None
    if not entry.is_file(follow_symlinks=False):
        return f"{path} is not a plain file; remove it."
    if entry.stat(follow_symlinks=False).st_size == 0:
        return f"{path} is empty."
    return None


def _read_labels(source: Path, card: Card) -> _Labels:
    labels = _Labels()
    try:
        with source.open(encoding="utf-8-sig", newline="") as text:
            rows = csv.DictReader(text, strict=True)
            missing = [name for name in LABEL_COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                labels.faults.append(
                    f"{LABELS_FILE} has no column {', '.join(missing)}; its first line must name"
                    f" the columns {', '.join(LABEL_COLUMNS)}."
                )
                return labels
            for row in rows:
                _read_row(row, f"{LABELS_FILE} line {rows.line_num}", card, labels)
    except (UnicodeDecodeError, csv.Error) as error:
        labels.faults.append(f"{LABELS_FILE} is not a CSV file in UTF-8: {error}.")
    return labels


def _read_row(row: dict[str | None, str | None], where: str, card: Card, labels: _Labels) -> None:
    if None in row or None in row.values():
        labels.faults.append(f"{where}: the number of cells differs from the first line.")
        return
    path, label, code = (str(row[name]) for name in LABEL_COLUMNS)
    if fault := _path_fault(path):
        labels.faults.append(f"{where}: the path {path!r} {fault}.")
        return
    if path in labels.rows:
        labels.faults.append(f"{where}: {path} has a row already.")
    split = row.get(SPLIT_COLUMN) or None
    labels.rows[path] = (label, code, split)
    if label not in card.labels:
        labels.faults.append(f"{where}: {path} has the label {label!r}, which is not in the card.")
    if not code:
        labels.faults.append(f"{where}: {path} has no participant code.")
    elif not _PARTICIPANT.fullmatch(code):
        labels.faults.append(
            f"{where}: {path} has the participant code {code!r}; use letters, digits and _ -."
        )
    if split is not None and not _SPLIT.fullmatch(split):
        labels.faults.append(
            f"{where}: {path} has the split {split!r}; use letters, digits and _ -, or leave the"
            " column out."
        )


def _path_fault(path: str) -> str | None:
    """What is wrong with a path that claims to lie inside the release, if anything."""
    parts = path.split("/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return "is absolute; paths start inside the folder"
    if ".." in parts:
        return "leads out of the folder"
    if len(path) > LONGEST_PATH or not all(_NAME.fullmatch(part) for part in parts):
        return "is not allowed; use letters, digits and . _ + = - between slashes"
    return None


def _disagreements(found: Iterable[str], rows: Iterable[str]) -> Iterator[str]:
    clips = set(found) - {LABELS_FILE, README_FILE}
    labelled = set(rows)
    for path in sorted(clips - labelled):
        yield f"{path} is in the folder but has no row in {LABELS_FILE}."
    for path in sorted(labelled - clips):
        yield f"{path} has a row in {LABELS_FILE} but is not a clip in the folder."


def _refusal(folder: Path, faults: list[str]) -> Invalid:
    message = f"The release in {folder} cannot be published. " + " ".join(faults[:_SHOWN])
    if len(faults) > _SHOWN:
        message += f" And {len(faults) - _SHOWN:,} more."
    return Invalid(message, fields={"folder": faults})
