"""Verdicts on many addresses at once, for pages that show a whole team."""

from collections.abc import Collection, Sequence
from functools import reduce
from operator import or_

from django.db.models import Q

from requests_app.identity.addresses import Address, MalformedAddress, chain, parse
from requests_app.identity.models import InstitutionDomain
from requests_app.identity.verdict import Rule, RuleKind, Verdict, verdict


class _KnownRules:
    """The rows of the portal's own table that can matter to some addresses, read beforehand."""

    def __init__(self, addresses: Collection[Address]) -> None:
        domains = {domain for address in addresses for domain in chain(address.host)}
        above = {address.registrable for address in addresses if address.registrable}
        listed = InstitutionDomain.Standing.LISTED
        below = reduce(or_, (Q(domain__endswith=f".{host}") for host in above), Q(pk__in=()))
        rows = InstitutionDomain.objects.filter(Q(domain__in=domains) | below & Q(standing=listed))
        self._rules = [
            Rule(row.domain, RuleKind(row.standing), row.name) for row in rows.order_by("domain")
        ]

    def at(self, domains: Sequence[str]) -> Sequence[Rule]:
        return [rule for rule in self._rules if rule.domain in domains]

    def institution_below(self, domain: str) -> Rule | None:
        return next(
            (
                rule
                for rule in self._rules
                if rule.kind is RuleKind.LISTED and rule.domain.endswith(f".{domain}")
            ),
            None,
        )


def judge_all(addresses: Sequence[str]) -> list[Verdict]:
    """Returns the verdict on each address, in their order: what `institutions.judge` says of it.

    One query, however many addresses there are; none of them makes it raise.
    """
    known = _KnownRules([parsed for raw in addresses if (parsed := _parsed(raw)) is not None])
    return [verdict(raw, rules=known) for raw in addresses]


def _parsed(raw: str) -> Address | None:
    try:
        return parse(raw)
    except MalformedAddress:
        return None
