"""Every verdict has a reason, and the order of what decides is fixed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.identity.addresses import registrable
from requests_app.identity.lists import Listed
from requests_app.identity.verdict import Cause, Rule, RuleKind, Standing, Verdict, verdict

# What may be known of a domain, the strongest first, with the outcome it must have.
PRECEDENCE: list[tuple[str, Standing, Cause]] = [
    ("deny", Standing.REFUSED, Cause.DENIED),
    ("allow", Standing.INSTITUTION, Cause.ALLOWED),
    ("loaded", Standing.INSTITUTION, Cause.LISTED),
    ("bundled", Standing.INSTITUTION, Cause.LISTED),
    ("disposable", Standing.REFUSED, Cause.DISPOSABLE),
    ("free", Standing.REFUSED, Cause.FREE),
]
KNOWN = [name for name, _, _ in PRECEDENCE]
DOMAIN = "lab.example.org"
HOSTS_AND_MATCH = {
    "the domain": ("lab.example.org", True),
    "a sub-domain": ("mail.lab.example.org", True),
    "a deep sub-domain": ("a.b.lab.example.org", True),
    "a sibling": ("shop.example.org", False),
    "the domain above": ("example.org", False),
    "a longer word": ("mylab.example.org", False),
}
KINDS = {"deny": RuleKind.DENY, "allow": RuleKind.ALLOW, "loaded": RuleKind.LISTED}


@dataclass
class Table:
    """The portal's own table in memory."""

    rules: list[Rule] = field(default_factory=list)

    def at(self, domains: Sequence[str]) -> Sequence[Rule]:
        return [rule for rule in self.rules if rule.domain in domains]

    def institution_below(self, domain: str) -> Rule | None:
        listed = [rule for rule in self.rules if rule.kind is RuleKind.LISTED]
        return next((rule for rule in listed if rule.domain.endswith(f".{domain}")), None)


@dataclass
class Known:
    """Bundled lists that know one domain."""

    names: frozenset[str]

    def _hit(self, name: str, host: str) -> Listed | None:
        below = host == DOMAIN or host.endswith(f".{DOMAIN}")
        return Listed(DOMAIN, "Example Laboratory") if name in self.names and below else None

    def institution(self, host: str) -> Listed | None:
        return self._hit("bundled", host)

    def disposable(self, host: str) -> Listed | None:
        return self._hit("disposable", host)

    def free(self, host: str) -> Listed | None:
        return self._hit("free", host)

    def institution_below(self, domain: str) -> Listed | None:
        known = "bundled" in self.names and DOMAIN.endswith(f".{domain}")
        return Listed(DOMAIN, "Example Laboratory") if known else None

    def doubt(self, host: str, name: str) -> str:
        return ""


def judge(host: str, known: Sequence[str]) -> Verdict:
    rules = [Rule(DOMAIN, KINDS[name], "Example Laboratory") for name in known if name in KINDS]
    return verdict(f"ada@{host}", rules=Table(rules), lists=Known(frozenset(known)))


@pytest.mark.parametrize("where", HOSTS_AND_MATCH)
@pytest.mark.parametrize(
    "known",
    [some for size in range(len(KNOWN) + 1) for some in combinations(KNOWN, size)],
    ids="+".join,
)
def test_the_strongest_thing_known_decides(known: tuple[str, ...], where: str) -> None:
    host, matches = HOSTS_AND_MATCH[where]
    outcome = judge(host, known)
    first = next((row for row in PRECEDENCE if row[0] in known), None) if matches else None
    expected = (first[1], first[2]) if first else (Standing.UNKNOWN, Cause.UNLISTED)
    assert (outcome.standing, outcome.cause) == expected
    assert outcome.reason.endswith(".")
    if first:
        assert outcome.matched == DOMAIN


@pytest.mark.parametrize("known", ["loaded", "bundled"])
def test_sharing_a_registrable_domain_is_a_hint_and_no_more(known: str) -> None:
    host, _ = HOSTS_AND_MATCH["a sibling"]
    outcome = judge(host, [known])
    assert registrable(host) == registrable(DOMAIN)
    assert outcome.standing is Standing.UNKNOWN
    assert outcome.matched == DOMAIN
    assert "Example Laboratory" in outcome.reason
    assert outcome.institution == ""


@pytest.mark.parametrize(
    ("address", "standing", "cause", "matched"),
    [
        ("ada@monash.edu", Standing.INSTITUTION, Cause.LISTED, "monash.edu"),
        ("ada+x@Student.Monash.EDU", Standing.INSTITUTION, Cause.LISTED, "monash.edu"),
        ("ada@nus.edu.sg", Standing.INSTITUTION, Cause.LISTED, "nus.edu.sg"),
        ("ada@alumni.nus.edu.sg", Standing.UNKNOWN, Cause.DOUBTED, "nus.edu.sg"),
        ("kid@schools.vic.edu.au", Standing.UNKNOWN, Cause.DOUBTED, "schools.vic.edu.au"),
        ("ada@gmail.com", Standing.REFUSED, Cause.FREE, "gmail.com"),
        ("ada@mailinator.com", Standing.REFUSED, Cause.DISPOSABLE, "mailinator.com"),
        ("ada@ac.uk", Standing.REFUSED, Cause.PUBLIC_SUFFIX, "ac.uk"),
        ("ada@robotics-company.com", Standing.UNKNOWN, Cause.UNLISTED, ""),
        ("ada@m\u043enash.edu.cn", Standing.UNKNOWN, Cause.LOOK_ALIKE, ""),
        ("not an address", Standing.REFUSED, Cause.MALFORMED, ""),
    ],
)
def test_real_addresses_against_the_bundled_lists(
    address: str, standing: Standing, cause: Cause, matched: str
) -> None:
    outcome = verdict(address, rules=Table([]))
    assert (outcome.standing, outcome.cause, outcome.matched) == (standing, cause, matched)
    assert outcome.reason


@pytest.mark.parametrize("address", ["ada@gmail.com", "ada@mailinator.com", "ada@co.uk"])
def test_a_refused_provider_is_told_to_use_a_university_or_company_address(address: str) -> None:
    assert "university or company" in verdict(address, rules=Table([])).reason


def test_an_unknown_company_is_told_that_a_person_will_look() -> None:
    reason = verdict("ada@robotics-company.com", rules=Table([])).reason
    assert reason == "Company or unknown: a person will look."


def test_the_operator_can_open_and_close_a_whole_ending() -> None:
    rules = Table([Rule("example", RuleKind.ALLOW), Rule("edu", RuleKind.DENY)])
    assert verdict("ada@lab.example", rules=rules).standing is Standing.INSTITUTION
    assert verdict("ada@monash.edu", rules=rules).standing is Standing.REFUSED


def test_a_loaded_institution_is_still_doubted_for_its_alumni() -> None:
    rules = Table([Rule("new-university.org", RuleKind.LISTED, "New University")])
    assert verdict("ada@new-university.org", rules=rules).standing is Standing.INSTITUTION
    assert verdict("ada@alumni.new-university.org", rules=rules).cause is Cause.DOUBTED


@pytest.mark.parametrize("kind", RuleKind)
@pytest.mark.parametrize("host", [f"{'a' * 60}.{'b' * 60}.{'c' * 60}.org", "x.org"])
def test_a_reason_is_short_however_long_the_names_are(host: str, kind: RuleKind) -> None:
    rules = Table([Rule(host, kind, "University of " + "the very long name " * 15)])
    for address in (f"ada@{host}", f"ada@alumni.{host}", "ada@y.x.org"):
        assert len(verdict(address, rules=rules).reason) <= 300


@given(st.text())
def test_a_verdict_is_never_silent_and_never_raises(text: str) -> None:
    outcome = verdict(text, rules=Table([]), lists=Known(frozenset()))
    assert outcome.reason
    assert outcome.accepted == (outcome.standing is not Standing.REFUSED)
