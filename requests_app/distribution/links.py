"""Issuing, renewing and revoking download links."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from requests_app import conf
from requests_app.audit import kinds, log
from requests_app.distribution.access import grants_in_force, in_force, standing
from requests_app.distribution.grants import NO_REASON, lock_grant
from requests_app.distribution.models import DownloadLink, Grant
from requests_app.distribution.policy import limits_of, policy_of
from requests_app.distribution.tokens import digest, new_secret, write_token
from requests_app.distribution.verdicts import SENTENCES, Verdict
from requests_app.errors import Conflict, NotFound, Refused
from requests_app.identity.models import User
from requests_app.notifications import messages
from requests_app.requests import reasons
from requests_app.requests.permissions import may_decide

DAY: Final = timedelta(days=1)
CROWDED_OUT: Final = "A newer link took its place: no more may be open at once."
REPLACED: Final = "Somebody who may know this link left the grant; a fresh one was sent."


@transaction.atomic
def ensure_link(*, grant_id: UUID | str) -> DownloadLink | None:
    """Issue the first link of a grant and e-mail it; safe to run any number of times, also at once.

    Writes one entry. Returns None when the grant had a link before or is not in force; raises
    NotFound for an unknown grant.
    """
    grant = lock_grant(grant_id)
    if grant.links.exists() or not in_force(grant, timezone.now()):
        return None
    return _issue(grant, kinds.LINK_ISSUED, log.SYSTEM)


@transaction.atomic
def renew_link(*, grant_id: UUID | str, by: User) -> DownloadLink:
    """Send the holder of a grant a fresh link; older ones work on, as many as the policy lets.

    Raises NotFound for anybody but the holder, Conflict when the grant is not in force, and
    Refused when too many links were sent within a day. Writes one entry.
    """
    grant = lock_grant(grant_id)
    if grant.applicant_id != by.pk or not by.is_active:
        raise NotFound("There is no such grant among yours.")
    found = standing(grant, timezone.now())
    if found is Verdict.GRANT_SUSPENDED:
        raise Conflict(SENTENCES[found])
    if found is not Verdict.ALLOWED:
        raise Conflict("This grant is not active any more, so there can be no new link for it.")
    limit = conf.links_per_day()
    if grant.links.filter(created_at__gt=timezone.now() - DAY).count() >= limit:
        raise Refused(
            f"{limit} links were sent to you within a day, which is the most we send."
            " Look into your mailbox and its spam folder, or try again tomorrow."
        )
    return _issue(grant, kinds.LINK_RENEWED, by)


@transaction.atomic
def revoke_link(*, link_id: UUID | str, by: User, reason: str) -> DownloadLink:
    """Close one link at once; the grant stays. Writes one entry.

    Raises NotFound; Refused unless `by` may decide about the grant's request; Invalid without a
    reason; Conflict when the link is closed already.
    """
    reason = reasons.clean(reason, required=NO_REASON)
    link = (
        DownloadLink.objects.select_for_update(of=("self",), no_key=True)
        .select_related("grant__access_request__dataset")
        .filter(pk=link_id)
        .first()
    )
    if link is None:
        raise NotFound("There is no such link.")
    if not may_decide(by, link.grant.access_request):
        raise Refused("Only approvers of this dataset may revoke a link to it.")
    now = timezone.now()
    if not link.is_open(now):
        raise Conflict("This link is closed already.")
    link.revoked_at = now
    link.save(update_fields=["revoked_at"])
    log.record(kinds.LINK_REVOKED, by=by, on=link, grant=str(link.grant_id), reason=reason)
    return link


def replace_links(*, grant: Grant) -> DownloadLink | None:
    """Closes every open link of a grant and sends its holder a fresh one; part of a verb.

    For when somebody who may know a link is no longer to use it. Returns None, and closes only,
    when the grant is not in force. Effects: one entry for each link.
    """
    now = timezone.now()
    _close(grant, now, keep=0, reason=REPLACED)
    return _issue(grant, kinds.LINK_ISSUED, log.SYSTEM) if in_force(grant, now) else None


def grants_without_link() -> QuerySet[Grant]:
    """The grants in force that never had a link: their task was lost, and the sweep queues it."""
    return grants_in_force(timezone.now()).filter(links__isnull=True)


def _close(grant: Grant, now: datetime, *, keep: int, reason: str) -> None:
    """Closes the open links of a grant but for the newest; one entry for each."""
    rows = grant.links.select_for_update(of=("self",), no_key=True).filter(revoked_at=None)
    found = [link for link in rows.order_by("-created_at", "pk") if link.is_open(now)]
    for link in found[keep:]:
        link.revoked_at = now
        link.save(update_fields=["revoked_at"])
        log.record(kinds.LINK_REVOKED, by=log.SYSTEM, on=link, grant=str(grant.pk), reason=reason)


def _issue(grant: Grant, kind: str, by: log.Audited) -> DownloadLink:
    """Write the link, its entry and its e-mail. The secret leaves this function in the e-mail.

    Closes the oldest open links where the dataset's policy allows no more.
    """
    now, secret = timezone.now(), new_secret()
    limits = limits_of(policy_of(grant.dataset_id))
    _close(grant, now, keep=limits.links_alive - 1, reason=CROWDED_OUT)
    link = DownloadLink.objects.create(
        grant=grant,
        secret_sha256=digest(secret),
        created_at=now,
        expires_at=min(now + limits.link_term, grant.ends_at),
    )
    log.record(kind, by=by, on=link, grant=str(grant.pk), expires_at=link.expires_at.isoformat())
    messages.download_link(
        to=grant.applicant.email,
        full_name=grant.applicant.full_name,
        dataset_title=grant.dataset.title,
        url=conf.base_url() + reverse("download_page", args=[write_token(link.pk, secret)]),
        path=reverse("request_detail", args=[grant.access_request_id]),
        expires_at=link.expires_at,
        grant_ends_at=grant.ends_at,
        trail=grant.audit_trail,
    )
    return link
