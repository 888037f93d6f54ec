"""What was fetched under a grant: each thing by itself, and each release as a whole.

Read from the settled transfers alone. A file may come by itself or inside an archive; both count
for its release, and how is said at `Holding`.
"""

import re
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from itertools import groupby
from typing import Final, NamedTuple

from django.db.models import QuerySet

from requests_app.audit import kinds
from requests_app.datasets.models import Release
from requests_app.distribution.access import released
from requests_app.distribution.choices import Content
from requests_app.distribution.models import Grant
from requests_app.distribution.packages import contents_of, members_of
from requests_app.distribution.storage.base import StorageError
from requests_app.distribution.transfers import Outcome, Transfer, unsettled
from requests_app.errors import NotFound

_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+)", re.ASCII)
_SAME: Final = ("release", "kind", "name", "digest")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched of one thing: `covered` of its `length` bytes arrived at least once.

    `untold` is how many transfers ended without anybody knowing how many bytes they carried.
    `proofs` are transfers that together carried all of it: the last one that did so alone, or else
    as few pieces as do; none where it is not complete.
    """

    kind: str
    release: str
    name: str
    digest: str
    length: int
    covered: int
    untold: int
    last_at: datetime
    proofs: tuple[uuid.UUID, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every byte of it is known to have been sent."""
        return self.covered >= self.length


class _Piece(NamedTuple):
    """One settled transfer, as far as it says what arrived."""

    release: str
    kind: str
    name: str
    digest: str
    pk: uuid.UUID
    range: str
    status: int
    promised: int
    bytes_sent: int | None
    started_at: datetime


class _Span(NamedTuple):
    """The bytes that a piece brought, half-open: a transfer sends from its beginning on."""

    start: int
    stop: int
    began: datetime
    pk: uuid.UUID


def fetched(grant: Grant) -> list[Fetched]:
    """What was fetched under a grant, by release and name. One query."""
    return list(_summed_up(_settled(grant)))


def fetched_with(grant: Grant, transfer_id: uuid.UUID) -> Fetched:
    """What was fetched of the thing that one transfer of the grant brought, or brought a part of.

    Raises NotFound when the grant has no such transfer that has ended.
    """
    of_it = _settled(grant).filter(pk=transfer_id).values(*_SAME).first()
    if of_it is None:
        raise NotFound("There is no such download under this grant.")
    return next(_summed_up(_settled(grant).filter(**of_it)))


def running(grant: Grant) -> list[Transfer]:
    """The transfers under way, the newest first. `bytes_sent` is as the process last told."""
    return list(unsettled().filter(grant=grant).order_by("-started_at"))


def start_and_length(content_range: str, promised: int) -> tuple[int, int]:
    """Where a transfer begins in what it is a part of, and how long that is."""
    found = _RANGE.fullmatch(content_range)
    return (int(found[1]), int(found[2])) if found else (0, promised)


@dataclass(frozen=True, slots=True)
class Holding:
    """How much of one release was fetched under a grant.

    A file counts as `complete` when every byte of it is known to have been sent, by itself or
    inside an archive that was; of an archive in part none count. `untold` files were handed out
    without anybody knowing how much arrived. `covered` bytes are those of the complete files and
    the known parts of others. `missing` are all files that are not complete, and `classes` tells
    (label, complete, all) of the clips. `fault` says why it cannot be counted.
    """

    release: Release
    complete: int = 0
    untold: int = 0
    covered: int = 0
    missing: Sequence[Content] = ()
    classes: Sequence[tuple[str, int, int]] = ()
    fault: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether all of the release is known to have been sent."""
        return not (self.missing or self.fault)


def releases_held(grant: Grant, found: Sequence[Fetched], now: datetime) -> list[Release]:
    """The releases of which something was fetched, and the newest; the newest first."""
    rows = released(now).filter(dataset=grant.dataset_id)
    rows = rows.select_related("dataset").defer("dataset__card")
    versions = {each.release for each in found}
    return [row for at, row in enumerate(rows) if at == 0 or row.version in versions]


def holdings(releases: Iterable[Release], found: Sequence[Fetched]) -> list[Holding]:
    """How much of each release was fetched; `found` is what `fetched` returned for the grant."""
    return [
        _holding(release, [each for each in found if each.release == release.version])
        for release in releases
    ]


def _settled(grant: Grant) -> QuerySet[Transfer]:
    rows = Transfer.objects.filter(grant=grant, settled_at__isnull=False)
    return rows.exclude(outcome=Outcome.NOTHING)


def _summed_up(rows: QuerySet[Transfer]) -> Iterator[Fetched]:
    pieces = map(_Piece._make, rows.order_by(*_SAME).values_list(*_Piece._fields))
    for _, same in groupby(pieces, key=lambda piece: piece[: len(_SAME)]):
        yield _summed(list(same))


def _summed(pieces: Sequence[_Piece]) -> Fetched:
    spans, length = (
        sorted(map(_span, pieces)),
        max(start_and_length(piece.range, piece.promised)[1] for piece in pieces),
    )
    covered = reached = 0
    for start, stop, *_ in spans:
        covered += max(stop - max(start, reached), 0)
        reached = max(reached, stop)
    of_it = pieces[0]
    return Fetched(
        of_it.kind,
        of_it.release,
        of_it.name,
        of_it.digest,
        length=length,
        covered=covered,
        untold=sum(piece.bytes_sent is None for piece in pieces),
        last_at=max(piece.started_at for piece in pieces),
        proofs=tuple(_proofs(spans, length)) if covered >= length else (),
    )


def _proofs(spans: Sequence[_Span], length: int) -> Iterator[uuid.UUID]:
    """As few of the sorted spans as cover everything; the newest one, where one does."""
    if whole := [span for span in spans if (span.start, span.stop) == (0, length)]:
        yield max(whole, key=lambda span: span.began).pk
        return
    best, reached = spans[0], 0
    for span in spans:
        if span.start > reached:
            yield best.pk
            reached = best.stop
        if span.stop > best.stop:
            best = span
    if reached < length:
        yield best.pk


def _span(piece: _Piece) -> _Span:
    expected = HTTPStatus.PARTIAL_CONTENT if _RANGE.fullmatch(piece.range) else HTTPStatus.OK
    if piece.status != expected:  # of several ranges, or of another answer: nobody knows which
        return _Span(0, 0, piece.started_at, piece.pk)
    start, _ = start_and_length(piece.range, piece.promised)
    return _Span(start, start + (piece.bytes_sent or 0), piece.started_at, piece.pk)


def _holding(release: Release, found: Sequence[Fetched]) -> Holding:
    try:
        contents = contents_of(release)
        whole = _paths_in_archives(release, found)
    except StorageError as error:
        return Holding(release, fault=error.message)
    alone = {(each.name, each.digest): each for each in found if each.kind == kinds.FILE_DOWNLOADED}
    complete = untold = covered = 0
    missing, there, of_class = [], Counter[str](), Counter[str]()
    for file in contents:
        single = alone.get((file.path, file.sha256))
        is_there = file.path in whole or (single is not None and single.is_complete)
        of_class[file.label] += 1
        if is_there:
            complete += 1
            covered += file.size
            there[file.label] += 1
            continue
        missing.append(file)
        if single is not None:
            untold += bool(single.untold)
            covered += single.covered
    classes = [(label, there[label], count) for label, count in sorted(of_class.items()) if label]
    return Holding(release, complete, untold, covered, missing, classes)


def _paths_in_archives(release: Release, found: Sequence[Fetched]) -> set[str]:
    """The files of every archive that is known to have been sent to its last byte."""
    archives = {
        each.name for each in found if each.kind == kinds.ARCHIVE_DOWNLOADED and each.is_complete
    }
    return {file.path for name in archives for file in members_of(release, name)}
