"""May this be fetched now? The only place that answers.

`resolve` judges a link or an access token, `may_start` whether one more transfer may begin,
`may_fetch` one file; `fetchable_files` and `credentials_in_force` are the same rule as queries.
The tests hold them against each other in random worlds.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import (
    BigIntegerField,
    CharField,
    DateField,
    DateTimeField,
    Q,
    QuerySet,
    Subquery,
    UUIDField,
)
from django.utils.crypto import constant_time_compare

from requests_app.datasets.models import File, Release
from requests_app.distribution.gathering import Gathered
from requests_app.distribution.models import AccessToken, DownloadLink, Grant, GrantState
from requests_app.distribution.policy import is_inside
from requests_app.distribution.prepared import Prepared
from requests_app.distribution.reconsents import is_suspended, suspended, suspended_column
from requests_app.distribution.tokens import Claim, Sort, digest, read_token
from requests_app.distribution.transfers import day_of
from requests_app.distribution.usage import Use, own_most, use_columns, used
from requests_app.distribution.verdicts import HIDDEN, SENTENCES, Verdict
from requests_app.requests.states import State

Credential = DownloadLink | AccessToken


class Wanted(NamedTuple):
    """A file that is asked for: of the newest release, or of the version named."""

    path: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """What a token opens. `credential` and `use` are None exactly when it is not one of ours.

    `file` is what was wanted, where it is allowed and there is one. What many ask at once is
    answered once: nothing that is found here may be changed.
    """

    verdict: Verdict
    credential: Credential | None = None
    use: Use | None = None
    file: File | None = None

    @property
    def grant(self) -> Grant:
        """The grant that the credential stands on. Raises LookupError when there is none."""
        if self.credential is None:
            raise LookupError("nobody's token stands on no grant")
        return self.credential.grant

    @property
    def allowed(self) -> bool:
        """Whether bytes may be handed out."""
        return self.verdict is Verdict.ALLOWED

    @property
    def hidden(self) -> bool:
        """Whether the refusal must not admit that the credential exists."""
        return self.verdict in HIDDEN

    @property
    def sentence(self) -> str:
        """Why not, and what to do; empty when allowed."""
        return SENTENCES.get(self.verdict, "")


def resolve(token: str, now: datetime, ip: str = "", wanted: Wanted | None = None) -> Access:
    """May the holder of this token, a client at the address `ip` (empty: unknown), fetch this now?

    Every refusal costs what a success costs: one signature, one digest, one query, one comparison
    that takes the same time wherever the texts differ. A file that is wanted is one query more.
    """
    asked = _Asked(read_token(token), now, ip, wanted)
    judged = _JUDGED[asked.claim.sort].answer(asked.claim.row_id, asked)
    return judged or Access(Verdict.UNKNOWN)


def may_start(access: Access, size: int) -> Verdict:
    """Whether one more transfer of `size` bytes may begin now under an access that is allowed.

    Transfers that begin in the same instant do not see each other: as many more than the limit may
    run as the portal has threads.
    """
    use = access.use
    if not access.allowed or use is None:
        return access.verdict
    if use.running >= use.limits.concurrent:
        return Verdict.TOO_MANY
    most = use.limits.bytes_per_day
    # What is larger than a whole day's allowance could otherwise never be fetched.
    if most and use.bytes_used and use.bytes_used + size > most:
        return Verdict.DAY_USED_UP
    if most and use.bytes_today and use.bytes_today + size > most:
        return Verdict.DAY_SPOKEN_FOR
    return Verdict.ALLOWED


def pause_after(verdict: Verdict, now: datetime) -> timedelta:
    """How long to wait after a refusal that passes by itself (`PAUSES`)."""
    if verdict is not Verdict.DAY_USED_UP:
        return timedelta(seconds=5)
    tomorrow = day_of(now) + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC) - now


def credentials_in_force(found: Collection[UUID], now: datetime) -> set[UUID]:
    """Those of the ids of links and access tokens under which bytes may flow. One query.

    The twin of `resolve` for many at once; where the client is, and limits, are no part of it.
    """
    grants = grants_in_force(now).order_by().values("pk")
    unrevoked = Q(revoked_at=None) | Q(revoked_at__gt=now)
    ours = Q(pk__in=found, grant__in=grants)
    links = DownloadLink.objects.filter(unrevoked, ours, expires_at__gt=now).order_by()
    tokens = AccessToken.objects.filter(unrevoked, ours).order_by()
    return set(links.values_list("pk", flat=True).union(tokens.values_list("pk", flat=True)))


def may_fetch(grant: Grant, file: File, now: datetime) -> bool:
    """Whether this grant lets its holder fetch this file at the instant `now`."""
    return (
        standing(grant, now) is Verdict.ALLOWED
        and file.release.dataset_id == grant.dataset_id
        and file.release.published_at <= now
    )


def fetchable_files(grant: Grant, now: datetime) -> QuerySet[File]:
    """Every file for which `may_fetch` holds, as one query that asks the database alone."""
    return File.objects.filter(release__in=fetchable_releases(grant, now).order_by())


def fetchable_releases(grant: Grant, now: datetime) -> QuerySet[Release]:
    """The releases whose files may be fetched, the newest first."""
    mine = grants_in_force(now).filter(pk=grant.pk).order_by().values("dataset")
    found = released(now).filter(dataset__in=mine)
    return found.select_related("dataset").defer("dataset__card")


def released(now: Any) -> QuerySet[Release]:
    """The releases that are published by then, the newest first."""
    return Release.objects.filter(published_at__lte=now).order_by("-published_at", "-pk")


def grants_in_force(now: datetime) -> QuerySet[Grant]:
    """The grants under which something may be fetched at the instant `now`."""
    return running_grants(now).filter(~suspended(now))


def running_grants(now: datetime) -> QuerySet[Grant]:
    """The grants in force at the instant `now`, and those that only wait for a new signature."""
    return Grant.objects.filter(
        Q(revoked_at__isnull=True) | Q(revoked_at__gt=now),
        starts_at__lte=now,
        ends_at__gt=now,
        applicant__is_active=True,
        access_request__state=State.APPROVED,
    )


def in_force(grant: Grant, now: datetime) -> bool:
    """The twin of `grants_in_force` for a grant at hand."""
    return standing(grant, now) is Verdict.ALLOWED


def standing(grant: Grant, now: datetime) -> Verdict:
    """Returns what a link on this grant would meet, the link itself aside."""
    found = _running(grant, now)
    if found is Verdict.ALLOWED and is_suspended(grant, now):
        return Verdict.GRANT_SUSPENDED
    return found


def _verdict(found: Credential, now: datetime, ip: str) -> Verdict:
    of_grant = _running(found.grant, now)
    if of_grant is not Verdict.ALLOWED:
        return of_grant
    if found.is_suspended:  # type: ignore[union-attr] # annotated by `_with_use`
        return Verdict.GRANT_SUSPENDED
    if found.revoked_at is not None and found.revoked_at <= now:
        is_link = isinstance(found, DownloadLink)
        return Verdict.LINK_REVOKED if is_link else Verdict.TOKEN_REVOKED
    if isinstance(found, DownloadLink) and found.expires_at <= now:
        return Verdict.LINK_EXPIRED
    inside = is_inside(ip, found.grant.networks)
    return Verdict.ALLOWED if inside else Verdict.OUTSIDE_NETWORK


def _with_use(rows: Any, pk: Any, now: Any, day: Any, most: Any) -> Any:
    """The row of a credential with all that its verdict depends on."""
    return (
        rows.filter(pk=pk)
        .order_by()
        .select_related(*_READ, "grant__dataset__download_policy")
        .annotate(is_suspended=suspended_column(now, "grant__"), **use_columns(day, most))
        .defer(*_unread())
    )


class _Asked(NamedTuple):
    """Whether what a token claims may be done."""

    claim: Claim
    now: datetime
    ip: str
    wanted: Wanted | None


def _judge(credentials: Prepared[Any], pk: UUID, asked: list[_Asked]) -> dict[_Asked, Access]:
    """What is asked of one credential at about one instant."""
    now = max(each.now for each in asked)
    rows = credentials.all(pk=pk, now=now, day=day_of(now), most=own_most())
    judged = {each: _access(each, rows[0] if rows else None) for each in asked}
    wanted = {each.wanted for each in asked if each.wanted and judged[each].allowed}
    if not wanted:
        return judged
    files = _files(rows[0].grant.dataset_id, wanted, now)
    return {
        each: replace(found, file=files.get(each.wanted)) if found.allowed else found
        for each, found in judged.items()
    }


def _access(asked: _Asked, found: Credential | None) -> Access:
    kept = found.secret_sha256 if found else _NOBODYS
    ours = constant_time_compare(asked.claim.secret_sha256, kept)
    if found is None or not (ours and asked.claim.genuine):
        return Access(Verdict.UNKNOWN)
    return Access(_verdict(found, asked.now, asked.ip), found, used(found, found.grant))


def _files(dataset: int, wanted: set[Wanted], now: datetime) -> dict[Wanted | None, File]:
    """Those of the files that there are. One query for each version."""
    found: dict[Wanted | None, File] = {}
    for version in {each.version for each in wanted}:
        paths = [each.path for each in wanted if each.version == version]
        given = {"dataset": dataset, "paths": paths, "now": now}
        rows = _NEWEST.all(**given) if version is None else _NAMED.all(**given, version=version)
        found |= {Wanted(row.path, version): row for row in rows}
    return found


def _files_of(dataset: Any, paths: Any, now: Any, version: Any = None) -> QuerySet[File]:
    releases = released(now).filter(dataset=dataset)
    if version is not None:
        releases = releases.filter(version=version)
    found = File.objects.filter(release=Subquery(releases.values("pk")[:1]), path__any_of=paths)
    return found.order_by().select_related("release__dataset").only(*_SERVED)


def _unread() -> Iterator[str]:
    """The columns that no verdict depends on: people's data and texts of many pages stay put."""
    for path, read in _READ.items():
        known = Grant._meta.get_field(path.removeprefix("grant__"))  # noqa: SLF001 - public
        model: Any = known.related_model
        for field in model._meta.concrete_fields:  # noqa: SLF001 - public
            if field.name not in read:
                yield f"{path}__{field.name}"


def _running(grant: Grant, now: datetime) -> Verdict:
    if not grant.applicant.is_active:
        return Verdict.HOLDER_INACTIVE
    state = grant.state(now)
    if state is GrantState.REVOKED:
        return Verdict.GRANT_REVOKED
    if state is GrantState.EXPIRED:
        return Verdict.GRANT_EXPIRED
    if grant.access_request.state != State.APPROVED:
        return Verdict.REQUEST_CLOSED
    return Verdict.ALLOWED


_READ: Final = {
    "grant__applicant": {"id", "is_active"},
    "grant__access_request": {"id", "state"},
    "grant__dataset": {"id", "slug", "title"},
}
"""What is read of the rows that a grant names."""

_ASKED_OF_ROWS: Final[dict[str, Any]] = {
    "pk": UUIDField(), "now": DateTimeField(), "day": DateField(), "most": BigIntegerField(),
}  # fmt: skip
_SERVED: Final = (
    "path", "size", "sha256", "release__version", "release__published_at",
    "release__dataset__slug",
)  # fmt: skip
"""What is read of a file and its release."""

_IN_DATASET: Final[dict[str, Any]] = {
    "dataset": BigIntegerField(),
    "paths": CharField(),
    "now": DateTimeField(),
}
_NEWEST: Final = Prepared(_files_of, **_IN_DATASET)
_NAMED: Final = Prepared(_files_of, **_IN_DATASET, version=CharField())

_JUDGED: Final[dict[Sort, Gathered[UUID, _Asked, Access]]] = {
    sort: Gathered(partial(_judge, Prepared(partial(_with_use, rows), **_ASKED_OF_ROWS)))
    for sort, rows in ((Sort.LINK, DownloadLink.objects), (Sort.ACCESS, AccessToken.objects))
}

# What a secret is compared with when there is no link: the digest of no token's secret.
_NOBODYS: Final = digest("")
