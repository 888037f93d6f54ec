"""The portal's own table of domains: what a verdict asks of it, and how files come into it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import transaction

from requests_app.audit import kinds, log
from requests_app.identity.addresses import Address
from requests_app.identity.institution_files import Batch, Row
from requests_app.identity.models import InstitutionDomain
from requests_app.identity.verdict import Rule, RuleKind, Verdict, verdict

TABLE = log.Named("institution_domains")
_BATCH = 500


class TableRules:
    """`InstitutionDomain` as the rules of a verdict."""

    def at(self, domains: Sequence[str]) -> Sequence[Rule]:
        """Every row that names one of the domains."""
        rows = InstitutionDomain.objects.filter(domain__in=domains)
        return [_rule(row) for row in rows]

    def institution_below(self, domain: str) -> Rule | None:
        """The first listed institution below the domain."""
        row = InstitutionDomain.objects.filter(
            standing=InstitutionDomain.Standing.LISTED, domain__endswith=f".{domain}"
        ).first()
        return _rule(row) if row else None


def judge(address: str | Address) -> Verdict:
    """The verdict on an address by the portal's table and the bundled lists, as they are now."""
    return verdict(address, rules=TableRules())


@dataclass(frozen=True)
class Loaded:
    """What loading a file did: counts of domains, and of skipped ones by reason."""

    source: str
    sha256: str
    added: int
    changed: int
    unchanged: int
    kept: int
    skipped: dict[str, int]


@transaction.atomic
def load(*, batch: Batch, by: log.Audited) -> Loaded:
    """Writes the batch into the table; loading the same one again changes nothing.

    A batch of public records (`batch.curated` false) leaves a row that allows or denies as it is:
    such rows are the operator's. Effects: the rows, and one entry.
    """
    known = {
        domain: (name, standing)
        for domain, name, standing in InstitutionDomain.objects.select_for_update(
            no_key=True
        ).values_list("domain", "name", "standing")
    }
    added, changed, unchanged, kept = 0, 0, 0, 0
    writes: list[InstitutionDomain] = []
    for row in batch.rows:
        before = known.get(row.domain)
        if before is None:
            added += 1
            writes.append(_new(row, batch))
        elif before == (row.name, row.standing):
            unchanged += 1
        elif not batch.curated and before[1] != InstitutionDomain.Standing.LISTED:
            kept += 1
        else:
            changed += 1
            writes.append(_new(row, batch))
    InstitutionDomain.objects.bulk_create(
        writes,
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["domain"],
        update_fields=["name", "standing", "source"],
    )
    loaded = Loaded(
        batch.source, batch.sha256, added, changed, unchanged, kept, dict(batch.skipped)
    )
    log.record(kinds.INSTITUTIONS_LOADED, by=by, on=TABLE, **asdict(loaded))
    return loaded


def _new(row: Row, batch: Batch) -> InstitutionDomain:
    return InstitutionDomain(
        domain=row.domain, name=row.name, standing=row.standing, source=batch.source
    )


def _rule(row: InstitutionDomain) -> Rule:
    return Rule(row.domain, RuleKind(row.standing), row.name)
