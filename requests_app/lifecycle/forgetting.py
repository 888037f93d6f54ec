"""Taking a person out of the portal: by request, or when their account has long been idle.

Signed agreements stay as long as the law and the agreement itself ask for (GDPR art. 17(3)(b) and
(e)); everything else that names the person goes. Evidence tables are not reached at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from requests_app import conf
from requests_app.agreements.models import Agreement
from requests_app.agreements.signatories import Signatory
from requests_app.audit import erasure, kinds, log
from requests_app.audit.retention import Retention
from requests_app.distribution import access_tokens, transfers
from requests_app.distribution.access import running_grants
from requests_app.errors import Conflict, NotFound
from requests_app.identity import applicants, sessions
from requests_app.identity.models import User
from requests_app.lifecycle import named, words
from requests_app.notifications import outbox
from requests_app.requests import blanking, reasons
from requests_app.requests.models import AccessRequest, NamedPerson
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
    grant runs, their own or one of somebody else's that names them, and for an account that is
    pseudonymised already. Effects, all or none: the account, its sessions, the answers of requests
    whose agreement need not be kept and the words written about them, who they are in requests of
    others, the person's values in the log, messages to any address they had, the names of their
    access tokens, the networks of their grants, where transfers that have not ended go to, and two
    entries.
    """
    reason = reasons.clean(reason, required=NO_REASON)
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise NotFound("There is no such account.")
    requests = list(AccessRequest.objects.select_for_update(no_key=True).filter(applicant=user))
    _require_nothing_open(user, requests)
    kept = _must_be_kept(Q(signer=user))
    retained: dict[str, str] = {}
    for agreement, until in kept:
        why = Kept(agreement.number, until).why
        retained[agreement.audit_trail] = f"{retained.get(agreement.audit_trail, '')} {why}".strip()
    free = [each for each in requests if each.audit_trail not in retained]
    person, others = known_as(user, requests)
    named_in = named.take_out(person, [*kept, *others])
    words.empty_of(free)
    words.empty_networks(user.grants.all(), timezone.now())
    for access_request in free:
        blanking.blank(access_request)
    trails = {each.audit_trail for each in requests}
    outbox.forget(addresses=person.addresses, names=person.names, trails=trails | named_in)
    sessions.end(user=user, addresses=person.addresses)
    access_tokens.forget_names(user)
    transfers.forget_sources(user)
    values = erasure.erase_about(person=person, trails=trails, retained=retained, by=by)
    # After that, since the reason is one of the account's values, and stays for its time.
    applicants.pseudonymise(user_id=user.pk, by=by, reason=reason)
    return Forgotten(values, _told([*kept, *others]))


@transaction.atomic
def forget_address(*, address: str, by: log.Audited, reason: str) -> Forgotten:
    """Erases what names somebody without an account: named in a request, or invited to sign.

    Raises NotFound when nothing names them; Invalid without a reason; Conflict for an address with
    an account, while a request that names them waits, and while they use data under a grant.
    Effects, all or none: who they are in requests whose agreement need not be kept, their values in
    the log, messages to them, and one entry. The agreements they signed stay for their term.
    """
    reason = reasons.clean(reason, required=NO_REASON)
    if applicants.account_with(address) is not None:
        raise Conflict("There is an account with this address: forget that.")
    person, others = known_without_account(address, named.naming(address))
    trails = named.take_out(person, others)
    sent = outbox.forget(addresses=person.addresses, names=person.names, trails=trails)
    values = erasure.erase_about(person=person, trails=(), retained={}, by=by, reason=reason)
    if not (trails or sent or values or person.signed):
        raise NotFound("There is no account with this address, and nothing else names it.")
    return Forgotten(values, _told(others))


def apply_retention() -> dict[str, int]:
    """Erases what is older than it may become, and closes idle accounts; returns how many of each.

    Safe to run at any time. Effects: those of `erasure.erase_overdue`, `words.empty_overdue`,
    `let_go_of_kept` and `forget`; sent messages older than contacts are kept are removed from the
    outbox, and sessions that are over from their table.
    """
    done = erasure.erase_overdue()
    done["rows"] = words.empty_overdue()
    done["requests"] = let_go_of_kept()
    sessions.clear_expired()
    done["messages"] = outbox.prune(timezone.now() - conf.retention(Retention.CONTACT.value))
    idle = list(idle_accounts().values_list("pk", flat=True))
    return done | {"accounts": sum(map(_close, idle))}


def _close(pk: int) -> bool:
    """Forgets an idle account, unless something still names the person: then another night."""
    try:
        forget(user_id=pk, by=log.SYSTEM, reason=IDLE)
    except Conflict:
        return False
    return True


def let_go_of_kept() -> int:
    """Empties the requests of forgotten people once no agreement keeps them; returns how many.

    Effects: one entry for each, in its transaction.
    """
    forgotten = AccessRequest.objects.exclude(applicant__pseudonymised_at=None)
    filled = list(forgotten.exclude(legal_name="").values_list("pk", flat=True))
    return sum(_let_go(pk) for pk in filled)


@transaction.atomic
def _let_go(pk: UUID) -> bool:
    access_request = AccessRequest.objects.select_for_update(no_key=True).get(pk=pk)
    if _must_be_kept(Q(access_request=access_request)):
        return False
    blanking.blank(access_request)
    count = words.empty_of([access_request])
    log.record(kinds.WORDS_ERASED, by=log.SYSTEM, on=access_request, count=count)
    return True


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


def known_as(
    user: User, requests: Iterable[AccessRequest]
) -> tuple[erasure.Person, list[tuple[Agreement, datetime]]]:
    """Returns all that the log may know an account's person by, as `known_without_account`."""
    own = {each.email for each in requests} | erasure.addresses_of(user)
    mailboxes = set(EmailAddress.objects.filter(user=user).values_list("email", flat=True))
    names = {user.full_name, *(each.legal_name for each in requests)}
    return _known(user.audit_ref, own | mailboxes | {user.email}, names)


def known_without_account(
    address: str, requests: Iterable[AccessRequest]
) -> tuple[erasure.Person, list[tuple[Agreement, datetime]]]:
    """Returns what the log knows a named person by, and the agreements of others that stay."""
    people = NamedPerson.objects.filter(access_request__in=requests, email__iexact=address)
    names = set(people.values_list("name", flat=True))
    same = address.casefold()
    names |= {each.signatory_name for each in requests if each.signatory_email.casefold() == same}
    return _known(f"person:{uuid4()}", {address}, names)  # a reference that nothing else has


def _known(
    ref: str, addresses: set[str], names: set[str]
) -> tuple[erasure.Person, list[tuple[Agreement, datetime]]]:
    addresses.discard("")
    theirs = Q(pk__in=())
    for address in addresses:
        theirs |= Q(email__iexact=address)
    signatories = list(Signatory.objects.filter(theirs))
    kept = _must_be_kept(Q(pk__in=[each.agreement_id for each in signatories]))
    stays = {each.pk for each, _ in kept}
    names |= {each.name for each in signatories}
    person = erasure.Person(
        ref,
        addresses=frozenset(addresses),
        names=frozenset(names - {""}),
        signed=frozenset(each.audit_ref for each in signatories),
        kept=frozenset(each.audit_ref for each in signatories if each.agreement_id in stays),
    )
    return person, kept


def _told(kept: Iterable[tuple[Agreement, datetime]]) -> list[Kept]:
    return [Kept(each.number, until) for each, until in kept]


def _must_be_kept(of: Q) -> list[tuple[Agreement, datetime]]:
    """The agreements whose term of retention, from the end of their last grant on, still runs."""
    signed = Agreement.objects.filter(of).select_related("access_request")
    ended = Coalesce("access_request__grants__revoked_at", "access_request__grants__ends_at")
    ends = signed.annotate(over=Coalesce(Max(ended), "signed_at"))
    found = [(each, each.over + conf.retention("agreement")) for each in ends.order_by("number")]
    return [(each, until) for each, until in found if until > timezone.now()]
