"""Reading files of institutions: the operator's own CSV, and ROR's dump (schema 2, CC0, ror.org).

Pure: a path goes in, a `Batch` comes out, nothing is written.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import file_digest
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from requests_app.errors import Invalid
from requests_app.identity.addresses import MalformedAddress, clean_host, is_public_suffix
from requests_app.identity.lists import BundledLists, lines_of
from requests_app.identity.names import clean_line
from requests_app.identity.verdict import RuleKind

_CHUNK = 1 << 20  # characters
_RECORD_LIMIT = 16 << 20  # characters; ROR's largest records have some thousands
_NAMED_ERRORS = 20
_NAME_LIMIT = 300

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Row:
    """One domain as A-labels, the institution's name or "", and a `RuleKind` value."""

    domain: str
    name: str
    standing: str


@dataclass
class Batch:
    """What a file holds: `rows`, one per domain, and how many domains were `skipped`, by reason.

    `curated` tells the operator's own file from a dump of public records.
    """

    source: str
    sha256: str
    curated: bool
    rows: list[Row] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def _silently(done: int, total: int) -> None:
    """Tells nobody."""


def read(path: Path, *, tell: Tell = _silently) -> Batch:
    """Read a `.csv` or `.json` file; `tell` hears how many of the file's bytes are done.

    Raises `Invalid` for another kind of file, for one that is not what its name says, and for a CSV
    with faults: then each faulty line is named and nothing of the file is used.
    """
    readers = {".csv": _read_csv, ".json": _read_ror}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise Invalid(
            f"{path.name} is neither .csv nor .json. Unpack a ROR dump before loading it."
        )
    with path.open("rb") as binary:
        digest = file_digest(binary, "sha256").hexdigest()
    batch = Batch(source=path.name[:100], sha256=digest, curated=reader is _read_csv)
    try:
        with path.open("rb") as binary:
            text = TextIOWrapper(binary, encoding="utf-8-sig", newline="")
            for _ in reader(text, batch):
                tell(binary.tell(), path.stat().st_size)
    except UnicodeDecodeError as error:
        raise Invalid(f"{path.name} is not UTF-8 text.") from error
    return batch


def _read_csv(text: TextIO, batch: Batch) -> Iterator[None]:
    reader = csv.DictReader(text, strict=True)
    if not {"domain", "name"} <= set(reader.fieldnames or ()):
        raise Invalid("The first line of the CSV file must be: domain,name,standing")
    faults: list[str] = []
    seen: dict[str, Row] = {}
    try:
        for record in reader:
            yield
            try:
                row = _csv_row(record)
            except Invalid as error:
                faults.append(f"Line {reader.line_num}: {error.message}")
                continue
            if seen.setdefault(row.domain, row) != row:
                faults.append(f"Line {reader.line_num}: {row.domain} is there twice, differently.")
    except csv.Error as error:
        faults.append(f"Line {reader.line_num}: {error}.")
    if faults:
        raise Invalid(_summary(faults), {"rows": faults})
    batch.rows = list(seen.values())


def _csv_row(record: Mapping[str, str | None]) -> Row:
    standing = (record.get("standing") or RuleKind.LISTED).strip().lower()
    if standing not in set(RuleKind):
        raise Invalid(f"“{standing}” is none of {', '.join(RuleKind)}.")
    try:
        domain = _domain(record["domain"] or "", whole_endings=standing != RuleKind.LISTED)
    except MalformedAddress as error:
        raise Invalid(f"“{record['domain']}” is not a domain name.") from error
    if standing == RuleKind.LISTED and is_public_suffix(domain):
        raise Invalid(f"{domain} is an ending that many organisations share: use allow or deny.")
    name = clean_line(record["name"] or "")
    if len(name) > _NAME_LIMIT:
        raise Invalid(f"The name of {domain} is longer than {_NAME_LIMIT} characters.")
    return Row(domain, name, standing)


def _domain(text: str, *, whole_endings: bool) -> str:
    """A single label (`edu`) may be allowed or denied as a whole, but is no institution."""
    text = text.strip().lower()
    if whole_endings and text.isascii() and text.isalpha():
        return text
    return clean_host(text)


def _summary(faults: list[str]) -> str:
    named = "\n".join(faults[:_NAMED_ERRORS])
    rest = len(faults) - _NAMED_ERRORS
    return f"{named}\n... and {rest} more." if rest > 0 else named


def _read_ror(text: TextIO, batch: Batch) -> Iterator[None]:
    best: dict[str, tuple[int, Row]] = {}
    for record in _objects(text):
        yield
        if record.get("status") != "active":
            batch.skipped["not active"] += 1
            continue
        try:
            name, hosts = _ror_name(record), list(_ror_hosts(record))
        except (AttributeError, KeyError, TypeError, ValueError):
            batch.skipped["unreadable record"] += 1
            continue
        for host, rank in hosts:
            reason = _unfit(host)
            if reason:
                batch.skipped[reason] += 1
            elif host not in best or rank < best[host][0]:
                best[host] = (rank, Row(host, name, RuleKind.LISTED))
    batch.rows = [row for _, row in best.values()]


def _ror_name(record: Mapping[str, Any]) -> str:
    names = record.get("names") or []
    shown = [each for each in names if "ror_display" in (each.get("types") or ())] or names
    try:
        return clean_line(str(shown[0]["value"]))[:_NAME_LIMIT] if shown else ""
    except Invalid:
        return ""


def _ror_hosts(record: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Each host of a record with a rank, the smaller the surer that the name belongs to it.

    Recorded domains come before the website's; an organisation before the parts of another one. A
    website that is a page of somebody else's host says nothing about that host.
    """
    part = any(each.get("type") == "parent" for each in record.get("relationships") or ())
    domains = record.get("domains") or []
    for domain in domains:
        yield _ror_host(str(domain)), int(part)
    if not domains:
        for link in record.get("links") or ():
            url = urlsplit(str(link.get("value", "")))
            if link.get("type") == "website" and url.path in {"", "/"}:
                yield _ror_host(url.hostname or ""), 2 + int(part)


def _ror_host(text: str) -> str:
    try:
        return clean_host(text).removeprefix("www.")
    except MalformedAddress:
        return ""


def _unfit(host: str) -> str:
    """Why a host cannot stand for one institution, or ""."""
    if not host:
        return "not a domain name"
    if is_public_suffix(host, private=True) and not BundledLists().institution(host):
        return "public suffix"
    if host in _shared_hosts():
        return "shared host"
    if BundledLists().free(host) or BundledLists().disposable(host):
        return "mail provider"
    return ""


@cache
def _shared_hosts() -> frozenset[str]:
    return lines_of("shared_hosts.txt")


def _objects(text: TextIO) -> Iterator[dict[str, Any]]:
    """The objects of a large JSON array, one by one, without holding it whole."""
    decoder = json.JSONDecoder()
    buffer = text.read(_CHUNK).lstrip()
    whole = buffer.startswith("[")
    buffer = buffer.removeprefix("[")
    while whole:
        buffer = buffer.lstrip(", \t\r\n")
        try:
            record, end = decoder.raw_decode(buffer)
        except json.JSONDecodeError:
            more = text.read(_CHUNK) if len(buffer) < _RECORD_LIMIT else ""
            if not more:
                whole = buffer.rstrip() == "]"
                break
            buffer += more
            continue
        whole = isinstance(record, dict)
        if whole:
            yield record
        buffer = buffer[end:]
    if not whole:
        raise Invalid("The .json file is not a ROR dump: an array of organisation records.")
