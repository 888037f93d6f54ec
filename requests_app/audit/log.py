"""Appending to the audit log: the only writer of its tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from django.db import transaction

from requests_app.audit import appending, asking, origin
from requests_app.audit.canonical import BLINDING, canonical, commitment, has_float, new_salt
from requests_app.audit.kinds import KINDS
from requests_app.audit.models import Entry

# A reference may be longer, such as that of a domain; it stands in full as the subject.
_TRAIL: Final = 120


class Audited(Protocol):
    """Anything an entry can name: `audit_ref` is a stable "kind:id" without personal data."""

    @property
    def audit_ref(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Named:
    """Something without a row that acts or is acted on."""

    audit_ref: str


SYSTEM = Named("system")
OPERATOR = Named("operator")
ANYONE = Named("anyone")


@dataclass(frozen=True, slots=True)
class Act:
    """What an entry says: see `record`. `source` is where it came from."""

    kind: str
    by: Audited
    on: Audited
    details: dict[str, Any]
    source: origin.Origin = field(default_factory=origin.current)


def record(kind: str, *, by: Audited, on: Audited, **details: Any) -> Entry:
    """Appends one entry and returns it.

    Must run inside the transaction of the deed, so that neither exists without the other; raises
    RuntimeError outside of one. `details` must be declared for `kind` in `audit.kinds`: KeyError
    for an unknown kind, ValueError for an undeclared field or a value without canonical form. The
    entry is filed under `on.audit_trail` when there is one, so that one request's story is one
    query; its place in the tree it gets later (`audit.sequencing`).
    """
    return record_all([Act(kind, by, on, details)])[0]


def record_all(acts: Sequence[Act]) -> list[Entry]:
    """Appends an entry for each act, in their order, with as many queries as for one."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("entries must be recorded in the transaction of the deed")
    entries = appending.append([_entry(act) for act in acts])
    transaction.on_commit(asking.ask, robust=True)
    return entries


def _entry(act: Act) -> appending.Written:
    """The entry of an act and its personal values, neither of them written yet."""
    fields, details = KINDS[act.kind], act.details
    if undeclared := details.keys() - fields.public - fields.personal:
        raise ValueError(f"{act.kind} does not declare {', '.join(sorted(undeclared))}")
    personal = {name: details[name] for name in details.keys() & fields.personal}
    personal |= {"ip": act.source.ip, "user_agent": act.source.user_agent[:500]}
    values = [
        appending.Personal(name, value, new_salt())
        for name, value in sorted(personal.items())
        if value not in ("", None)
    ]
    public = {name: details[name] for name in details.keys() & fields.public}
    canonical(public)  # what has no canonical form would stop the sealer later
    if has_float(details):
        raise ValueError(f"{act.kind}: a float does not come out of every database as it went in")
    entry = Entry(
        kind=act.kind,
        actor=act.by.audit_ref,
        subject=act.on.audit_ref,
        trail=getattr(act.on, "audit_trail", act.on.audit_ref[:_TRAIL]),
        details=public,
        # Without anything random in it, the public leaf hash would confirm who guesses the entry.
        commitments={item.field: commitment(item.salt, item.value) for item in values}
        or {BLINDING: new_salt()},
    )
    return entry, values
