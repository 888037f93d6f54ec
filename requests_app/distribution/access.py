"""May this be fetched now? The only place that answers.

`resolve` judges a link, `may_fetch` one file, and `fetchable_files` is the same rule as a query.
The tests hold the two against each other in random worlds.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from django.db.models import Q, QuerySet
from django.utils.crypto import constant_time_compare

from requests_app.datasets.models import File, Release
from requests_app.distribution.models import DownloadLink, Grant, GrantState
from requests_app.distribution.reconsents import is_suspended, suspended, suspended_column
from requests_app.distribution.tokens import digest, read_token
from requests_app.requests.states import State


class Verdict(StrEnum):
    """Whether a link opens, or the first reason why it does not."""

    ALLOWED = "allowed"
    UNKNOWN = "unknown"
    HOLDER_INACTIVE = "holder_inactive"
    GRANT_REVOKED = "grant_revoked"
    GRANT_EXPIRED = "grant_expired"
    REQUEST_CLOSED = "request_closed"
    GRANT_SUSPENDED = "grant_suspended"
    LINK_REVOKED = "link_revoked"
    LINK_EXPIRED = "link_expired"


HIDDEN: Final = frozenset({Verdict.UNKNOWN, Verdict.HOLDER_INACTIVE})
"""Refusals that must look as if there were no such link."""

_NO_LINK = (
    "There is no such download link. Copy the whole address from the e-mail, or sign in and ask"
    " for a new link on the page of your request."
)
SENTENCES: Final[dict[Verdict, str]] = {
    Verdict.UNKNOWN: _NO_LINK,
    Verdict.HOLDER_INACTIVE: _NO_LINK,
    Verdict.GRANT_REVOKED: (
        "The grant behind this link has been revoked. Write to the dataset's maintainers if you"
        " think that this is a mistake."
    ),
    Verdict.GRANT_EXPIRED: (
        "The grant behind this link has ended. To go on working with the dataset, sign in and"
        " start a new request."
    ),
    Verdict.REQUEST_CLOSED: (
        "The request behind this link is no longer approved, so nothing can be fetched with it."
        " Sign in to see where your request stands."
    ),
    Verdict.GRANT_SUSPENDED: (
        "The Data Access Agreement has a new version, and the day to sign it has passed, so the"
        " grant behind this link is suspended. Sign in, open your request and sign the new version:"
        " downloads work again at once."
    ),
    Verdict.LINK_REVOKED: (
        "This link has been revoked. Sign in and ask for a new link on the page of your request."
    ),
    Verdict.LINK_EXPIRED: (
        "This link has expired. Sign in and ask for a new link on the page of your request; files"
        " you have fetched in part can be continued with it."
    ),
}


@dataclass(frozen=True, slots=True)
class Access:
    """What a token opens. `link` is None exactly when the token is not one of ours."""

    verdict: Verdict
    link: DownloadLink | None

    @property
    def allowed(self) -> bool:
        """Whether bytes may be handed out."""
        return self.verdict is Verdict.ALLOWED

    @property
    def hidden(self) -> bool:
        """Whether the refusal must not admit that the link exists."""
        return self.verdict in HIDDEN

    @property
    def sentence(self) -> str:
        """Why not, and what to do; empty when allowed."""
        return SENTENCES.get(self.verdict, "")


def resolve(token: str, now: datetime) -> Access:
    """Judge a token at the instant `now`.

    Every refusal costs what a success costs: one signature, one digest, one query, one comparison
    that takes the same time wherever the texts differ.
    """
    claim = read_token(token)
    link = (
        DownloadLink.objects.filter(pk=claim.link_id)
        .select_related("grant__applicant", "grant__dataset", "grant__access_request")
        .annotate(is_suspended=suspended_column(now, "grant__"))
        .defer(*_LONG)
        .first()
    )
    kept = link.secret_sha256 if link else _NOBODYS
    ours = constant_time_compare(claim.secret_sha256, kept)
    if link is None or not (ours and claim.genuine):
        return Access(Verdict.UNKNOWN, None)
    return Access(_verdict(link, now), link)


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
    found = Release.objects.filter(dataset__in=mine, published_at__lte=now)
    found = found.select_related("dataset").defer("dataset__card")
    return found.order_by("-published_at", "-pk")


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


def _verdict(link: DownloadLink, now: datetime) -> Verdict:
    found = _running(link.grant, now)
    if found is not Verdict.ALLOWED:
        return found
    if link.is_suspended:  # type: ignore[attr-defined] # annotated by `resolve`
        return Verdict.GRANT_SUSPENDED
    if link.revoked_at is not None and link.revoked_at <= now:
        return Verdict.LINK_REVOKED
    return Verdict.ALLOWED if now < link.expires_at else Verdict.LINK_EXPIRED


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


# Texts of many pages that no download reads; a link we know would take longer to load than none.
_LONG: Final = (
    "grant__dataset__card",
    "grant__access_request__purpose",
    "grant__access_request__funding",
    "grant__access_request__ethics_reason",
    "grant__access_request__data_protection_plan",
)

# What a secret is compared with when there is no link: the digest of no token's secret.
_NOBODYS: Final = digest("")
