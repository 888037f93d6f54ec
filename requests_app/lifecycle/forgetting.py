"""Taking a person out of the portal: by request, or when their account has long been idle.

Signed agreements stay as long as the law and the agreement itself ask for (GDPR art. 17(3)(b) and
(e)); everything else that names the person goes. Evidence tables are not reached at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from requests_app import conf
from requests_app.agreements.models import Agreement
from requests_app.audit import erasure, log
from requests_app.audit.retention import Retention
from requests_app.distribution import access_tokens
from requests_app.distribution.access import running_grants
from requests_app.errors import Conflict, NotFound
from requests_app.identity import applicants
from requests_app.identity.models import User
from requests_app.notifications import outbox
from requests_app.requests import blanking, reasons
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State

NO_REASON: Final = "Say why, without naming the person: the reason stays in the log."
IDLE: Final = "Not used for longer than accounts are kept."
_DECIDED: Final = (State.APPROVED, State.REJECTED, State.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Kept:
    """A signed agreement that outlives its signer's account, until when, and why."""

    number: str
    until: datetime

    @property
    def why(self) -> str:
        return (
            f"Agreement {self.number} must be kept until {self.until:%-d %B %Y}: it shows who was "
            "given the data, and on which terms."
        )


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `forget` did: the values erased from the log, and the agreements that stay."""

    values: int
    kept: list[Kept]


@transaction.atomic
def forget(*, user_id: int, by: log.Audited, reason: str) -> Forgotten:
    """Pseudonymises an account and erases what names the person, signed agreements aside.

    Raises NotFound; Invalid without a reason; Conflict while a request waits for a decision or a
    grant runs, and for an account that is pseudonymised already. Effects, all or none: the account,
    the answers of requests whose agreement need not be kept, the person's values in the log, sent
    messages to them, the names of their access tokens, and two entries.
    """
    reason = reasons.clean(reason, required=NO_REASON)
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise NotFound("There is no such account.")
    requests = list(AccessRequest.objects.select_for_update().filter(applicant=user))
    _require_nothing_open(user, requests)
    kept = _must_be_kept(user)
    retained: dict[str, str] = {}
    for agreement, until in kept:
        why = Kept(agreement.number, until).why
        retained[agreement.audit_trail] = f"{retained.get(agreement.audit_trail, '')} {why}".strip()
    for access_request in requests:
        if access_request.audit_trail not in retained:
            blanking.blank(access_request)
    outbox.forget(user.email)
    access_tokens.forget_names(user)
    applicants.pseudonymise(user_id=user.pk, by=by, reason=reason)
    values = erasure.erase_about(
        person=user,
        trails={each.audit_trail for each in requests},
        retained=retained,
        by=by,
    )
    return Forgotten(values, [Kept(each.number, until) for each, until in kept])


def apply_retention() -> dict[str, int]:
    """Erases what is older than it may become, and closes idle accounts; returns how many of each.

    Safe to run at any time. Effects: those of `erasure.erase_overdue` and of `forget`; sent
    messages older than contacts are kept are removed from the outbox.
    """
    done = erasure.erase_overdue()
    done["messages"] = outbox.prune(timezone.now() - conf.retention(Retention.CONTACT.value))
    idle = list(idle_accounts().values_list("pk", flat=True))
    for pk in idle:
        forget(user_id=pk, by=log.SYSTEM, reason=IDLE)
    return done | {"accounts": len(idle)}


def idle_accounts() -> QuerySet[User]:
    """The accounts of applicants that nobody has used for long and under which nothing is open."""
    now = timezone.now()
    quiet = Q(state__in=(State.DRAFT, *_DECIDED), collecting_since=None)
    busy = AccessRequest.objects.exclude(quiet).values("applicant")
    return (
        User.objects.alias(seen=Coalesce("last_login", "date_joined"))
        .filter(seen__lt=now - conf.idle_account_age(), pseudonymised_at=None, is_staff=False)
        .exclude(Q(pk__in=busy) | Q(pk__in=running_grants(now).values("applicant")))
        .order_by("pk")
    )


def _require_nothing_open(user: User, requests: Iterable[AccessRequest]) -> None:
    waits = {State.SUBMITTED, State.RETURNED}
    if any(each.state in waits or each.collecting_since for each in requests):
        raise Conflict("A request of this person waits. Decide it, or have it withdrawn, first.")
    if running_grants(timezone.now()).filter(applicant=user).exists():
        raise Conflict("This person holds a grant. Revoke it first, or wait for its end.")


def _must_be_kept(user: User) -> list[tuple[Agreement, datetime]]:
    """The agreements whose term of retention, from the end of their last grant on, still runs."""
    signed = Agreement.objects.filter(signer=user).select_related("access_request")
    ends = signed.annotate(over=Coalesce(Max("access_request__grants__ends_at"), "signed_at"))
    found = [(each, each.over + conf.retention("agreement")) for each in ends.order_by("number")]
    return [(each, until) for each, until in found if until > timezone.now()]
