"""Appending to the audit log: the only writer of its tables."""

from dataclasses import dataclass
from typing import Any, Protocol

from django.db import transaction

from requests_app.audit import origin
from requests_app.audit.canonical import canonical, commitment, new_salt
from requests_app.audit.kinds import KINDS
from requests_app.audit.models import Entry, PersonalValue, Unsequenced


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


def record(kind: str, *, by: Audited, on: Audited, **details: Any) -> Entry:
    """Appends one entry and returns it.

    Must run inside the transaction of the deed, so that neither exists without the other; raises
    RuntimeError outside of one. `details` must be declared for `kind` in `audit.kinds`: KeyError
    for an unknown kind, ValueError for an undeclared field or a value without canonical form. The
    entry is filed under `on.audit_trail` when there is one, so that one request's story is one
    query; its place in the tree it gets later (`audit.sequencing`).
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"{kind} must be recorded in the transaction of the deed")
    fields = KINDS[kind]
    if undeclared := details.keys() - fields.public - fields.personal:
        raise ValueError(f"{kind} does not declare {', '.join(sorted(undeclared))}")
    source = origin.current()
    personal = {name: details[name] for name in details.keys() & fields.personal}
    personal |= {"ip": source.ip, "user_agent": source.user_agent[:500]}
    values = [
        PersonalValue(field=name, value=value, salt=new_salt())
        for name, value in sorted(personal.items())
        if value not in ("", None)
    ]
    public = {name: details[name] for name in details.keys() & fields.public}
    canonical(public)  # what has no canonical form would stop the sealer later
    entry = Entry.objects.create(
        kind=kind,
        actor=by.audit_ref,
        subject=on.audit_ref,
        trail=getattr(on, "audit_trail", on.audit_ref),
        details=public,
        commitments={item.field: commitment(item.salt, item.value) for item in values},
    )
    for item in values:
        item.entry = entry
    PersonalValue.objects.bulk_create(values)
    Unsequenced.objects.create(entry=entry)
    return entry
