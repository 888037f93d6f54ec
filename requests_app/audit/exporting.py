"""The log as a file: JSON Lines or CSV, one entry a line, in the order of the log, with proofs.

The JSON Lines begin with a line that holds the checkpoint which every proof leads to, so that
`audit.outsider` can check the file alone; CSV is for reading, and each row is whole in itself.
"""

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from requests_app.audit import canonical, kinds, log
from requests_app.audit.models import Entry
from requests_app.audit.proving import Proofs

Progress = Callable[[int, int], None]

COLUMNS: Final = ("id", "at", "kind", "actor", "subject", "trail", "details", "personal")
PROOF_COLUMNS: Final = ("proof", "checkpoint")
MEDIA_TYPES: Final = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
_CHUNK: Final = 500
# What a spreadsheet would take for the beginning of a formula (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
# In many countries a spreadsheet splits a row at semicolons: what follows one begins a cell.
_SPLIT_FORMULA: Final = re.compile(r";(?=[\s\"\\]*[=+@-])")


def as_json(entry: Entry) -> dict[str, Any]:
    """Returns an entry with its personal values; each that was erased is None, without a salt.

    With value and salt anybody can recompute the commitment (`audit.canonical.commitment`), and
    with the other names the leaf (docs/reference/entries.md).
    """
    kept = {item.field: item for item in entry.personal_values.all()}
    return {
        "id": entry.pk,
        "at": canonical.instant(entry.at),
        "kind": entry.kind,
        "actor": entry.actor,
        "subject": entry.subject,
        "trail": entry.trail,
        "details": entry.details,
        "commitments": entry.commitments,
        "personal": {
            name: {"value": kept[name].value, "salt": kept[name].salt} if name in kept else None
            for name in entry.personal_fields
        },
    }


def lines(entries: QuerySet[Entry], form: str) -> Iterator[str]:
    """Yields the export of `entries` line by line, in bounded memory; `form` is jsonl or csv.

    An entry that the latest checkpoint does not cover yet has no proof.
    """
    proofs = Proofs()
    found = _proved(entries, proofs)
    if form == "csv":
        yield from _table(found, proofs.note)
        return
    yield json.dumps({"checkpoint": proofs.note}, ensure_ascii=False) + "\n"
    for entry in found:
        yield json.dumps(entry, ensure_ascii=False) + "\n"


def _proved(entries: QuerySet[Entry], proofs: Proofs) -> Iterator[dict[str, Any]]:
    ordered = entries.order_by("pk").prefetch_related("personal_values")
    rows = ordered.iterator(chunk_size=_CHUNK)
    while some := list(islice(rows, _CHUNK)):
        found = proofs.of(some)
        for entry in some:
            yield {**as_json(entry), "proof": found.get(entry.pk)}


def chosen(
    *, since: datetime | None, until: datetime | None, kind: str, trail: str
) -> QuerySet[Entry]:
    """Returns the entries from `since` on and before `until`, of a kind, and filed under a trail.

    None and the empty text ask for nothing.
    """
    asked = {"at__gte": since, "at__lt": until, "kind": kind, "trail": trail}
    return Entry.objects.filter(**{name: value for name, value in asked.items() if value})


def export_to(target: Path, entries: QuerySet[Entry], form: str, *, progress: Progress) -> int:
    """Writes the export of `entries` into a file that is whole or not there; returns how many.

    Names and addresses are in it, so nobody but its owner may read it. Raises FileExistsError
    rather than write over anything, and OSError as it comes.
    """
    total, draft = entries.count(), target.with_name(f".{target.name}.part")
    try:
        with open(draft, "x", encoding="utf-8", newline="", opener=_for_its_owner) as file:
            for number, line in enumerate(lines(entries, form)):
                file.write(line)
                progress(min(number, total), total)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    return total


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@transaction.atomic
def record_export(*, by: log.Audited, form: str, count: int, query: str) -> None:
    """Writes the entry that `by` takes `count` entries away; call it before the first line."""
    log.record(
        kinds.LOG_EXPORTED, by=by, on=log.Named("log"), format=form, count=count, query=query
    )


def _table(entries: Iterable[dict[str, Any]], checkpoint: str | None) -> Iterator[str]:
    """CSV (RFC 4180). Nested values are JSON; what looks like a formula is led by an apostrophe."""
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow([*COLUMNS, *PROOF_COLUMNS])
    for entry in entries:
        personal = {name: kept and kept["value"] for name, kept in entry["personal"].items()}
        proof = entry["proof"] or ""
        row = {**entry, "personal": personal, "proof": proof, "checkpoint": proof and checkpoint}
        writer.writerow([_cell(row[name]) for name in (*COLUMNS, *PROOF_COLUMNS)])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return _SPLIT_FORMULA.sub(r"\\u003b", json.dumps(value, ensure_ascii=False))
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
