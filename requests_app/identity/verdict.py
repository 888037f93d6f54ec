"""What an e-mail address says about where its holder works: one verdict, always with a reason.

The order is fixed: the operator's denials, the operator's allowances, institutions (loaded, then
bundled), disposable providers, free providers, and what is left is unknown. A listed domain stands
for itself and everything below it; sharing a registrable domain with a listed one is only a hint.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from requests_app.identity.addresses import (
    Address,
    MalformedAddress,
    chain,
    is_public_suffix,
    parse,
    unicode_host,
)
from requests_app.identity.lists import BundledLists, Listed, Lists


class Standing(StrEnum):
    """The outcome: `institution` is accepted, `unknown` waits for a person, `refused` ends here."""

    INSTITUTION = "institution"
    UNKNOWN = "unknown"
    REFUSED = "refused"


class Cause(StrEnum):
    """What decided."""

    ALLOWED = "allowed"
    LISTED = "listed"
    DOUBTED = "doubted"
    LOOK_ALIKE = "look_alike"
    UNLISTED = "unlisted"
    FREE = "free"
    DISPOSABLE = "disposable"
    DENIED = "denied"
    PUBLIC_SUFFIX = "public_suffix"
    MALFORMED = "malformed"


class RuleKind(StrEnum):
    """What the portal's own table says about a domain."""

    DENY = "deny"
    ALLOW = "allow"
    LISTED = "listed"


@dataclass(frozen=True)
class Rule:
    """One row of the portal's own table: `domain` as A-labels, `name` of the institution or ""."""

    domain: str
    kind: RuleKind
    name: str = ""


class Rules(Protocol):
    """The portal's own table, as far as a verdict asks it."""

    def at(self, domains: Sequence[str]) -> Sequence[Rule]:
        """Every rule that names one of the domains."""
        ...

    def institution_below(self, domain: str) -> Rule | None:
        """An institution's rule that names a domain below this one."""
        ...


@dataclass(frozen=True)
class Verdict:
    """The outcome and why.

    `reason` is a sentence for a person, never empty; `institution` is its name or ""; `matched` is
    the listed domain that decided or hinted, or ""; `cause` names what decided.
    """

    standing: Standing
    reason: str
    institution: str
    matched: str
    cause: Cause

    @property
    def accepted(self) -> bool:
        """Whether an account may be opened with the address."""
        return self.standing is not Standing.REFUSED


USE_WORK_ADDRESS = "Please use the address that your university or company gave you."
_SHOWN = 100  # characters
_A_PERSON_WILL_LOOK = "Company or unknown: a person will look."


def verdict(address: str | Address, *, rules: Rules, lists: Lists | None = None) -> Verdict:
    """Judge an address by the portal's own `rules` and the bundled `lists`; never raises."""
    lists = lists or BundledLists()
    try:
        address = parse(address) if isinstance(address, str) else address
    except MalformedAddress as error:
        return _refused(Cause.MALFORMED, error.message)
    found = rules.at(chain(address.host))
    return (
        _by_operator(address, found)
        or _by_form(address)
        or _by_institutions(address, found, lists)
        or _by_providers(address, lists)
        or _unlisted(address, rules, lists)
    )


def _by_operator(address: Address, found: Sequence[Rule]) -> Verdict | None:
    denied = _longest(found, RuleKind.DENY)
    if denied:
        return _refused(
            Cause.DENIED,
            f"Addresses at {_shown(denied.domain)} are not accepted here. {USE_WORK_ADDRESS}",
            denied.domain,
        )
    allowed = _longest(found, RuleKind.ALLOW)
    if allowed:
        who = _short(allowed.name) or _shown(allowed.domain)
        return Verdict(
            Standing.INSTITUTION,
            f"The maintainers accept addresses of {who}.",
            allowed.name,
            allowed.domain,
            Cause.ALLOWED,
        )
    return None


def _by_form(address: Address) -> Verdict | None:
    """What the domain itself gives away, before any list is asked."""
    if is_public_suffix(address.host):
        return _refused(
            Cause.PUBLIC_SUFFIX,
            f"{_shown(address.host)} is an ending that many organisations share, not a domain"
            f" of one of them. {USE_WORK_ADDRESS}",
            address.host,
        )
    if address.looks_alike:
        return Verdict(
            Standing.UNKNOWN,
            f"The domain {_short(address.host)} mixes alphabets and may imitate another one."
            " A person will look.",
            "",
            "",
            Cause.LOOK_ALIKE,
        )
    return None


def _by_institutions(address: Address, found: Sequence[Rule], lists: Lists) -> Verdict | None:
    rule = _longest(found, RuleKind.LISTED)
    bundled = lists.institution(address.host)
    hit = Listed(rule.domain, rule.name, lists.doubt(address.host, rule.name)) if rule else bundled
    if hit is None:
        return None
    domain = _shown(hit.domain)
    if hit.doubt:
        reason = f"{_short(hit.name) or domain} is listed, but {hit.doubt}: a person will look."
        return Verdict(Standing.UNKNOWN, reason, hit.name, hit.domain, Cause.DOUBTED)
    reason = (
        f"{domain} is the domain of {_short(hit.name)}." if hit.name else _ACADEMIC.format(domain)
    )
    return Verdict(Standing.INSTITUTION, reason, hit.name, hit.domain, Cause.LISTED)


_ACADEMIC = "Domains ending in {} belong to academic institutions."


def _by_providers(address: Address, lists: Lists) -> Verdict | None:
    disposable = lists.disposable(address.host)
    if disposable:
        name = _shown(disposable.domain)
        reason = f"{name} gives out addresses that are thrown away after use. {USE_WORK_ADDRESS}"
        return _refused(Cause.DISPOSABLE, reason, disposable.domain)
    free = lists.free(address.host)
    if free:
        name = _shown(free.domain)
        reason = f"Anybody can get an address at {name}. {USE_WORK_ADDRESS}"
        return _refused(Cause.FREE, reason, free.domain)
    return None


def _unlisted(address: Address, rules: Rules, lists: Lists) -> Verdict:
    own = address.registrable
    near = own and (rules.institution_below(own) or lists.institution_below(own))
    if not near:
        return Verdict(Standing.UNKNOWN, _A_PERSON_WILL_LOOK, "", "", Cause.UNLISTED)
    who = _short(near.name) or _shown(near.domain)
    hint = f"{_A_PERSON_WILL_LOOK} Perhaps related to {who}, which is listed."
    return Verdict(Standing.UNKNOWN, hint, "", near.domain, Cause.UNLISTED)


def _longest(found: Sequence[Rule], kind: RuleKind) -> Rule | None:
    hits = [rule for rule in found if rule.kind is kind]
    return max(hits, key=lambda rule: len(rule.domain), default=None)


def _shown(domain: str) -> str:
    return _short(unicode_host(domain))


def _short(text: str) -> str:
    """Keeps a reason one sentence of at most 300 characters, however long a name is."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _refused(cause: Cause, reason: str, matched: str = "") -> Verdict:
    return Verdict(Standing.REFUSED, reason, "", matched, cause)
