"""Declaring a certificate of the seal invalid: its key is, or may be, in other hands.

As an authority's revocation with an invalidity date (RFC 5280, 5.3.2): what it sealed before that
date keeps its worth where something else than the key shows that it was before.
"""

import re
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from requests_app.agreements import certificates
from requests_app.agreements.models import AgreementDocument, SealCertificate, SealRevocation
from requests_app.agreements.sealing_keys import SealKey
from requests_app.audit import kinds, log
from requests_app.errors import Conflict, Invalid, Misconfigured, NotFound
from requests_app.requests import reasons

NO_REASON: Final = "Say why: the reason is published with the certificate."
LONGEST: Final = 500
_TURN: Final = 0x5EA1
"""Key of PostgreSQL's advisory lock: shared by what is sealed, alone for what is declared."""


@transaction.atomic
def revoke(*, certificate: str, since: datetime, reason: str, by: log.Audited) -> SealRevocation:
    """Declares a certificate of the seal invalid from the instant `since` on; returns the row.

    `certificate` is its serial number or its SHA-256, in hexadecimal as they are published, with or
    without colons; `since` counts to the second. A declaration can be moved to an earlier time,
    never to a later one. Raises NotFound for a certificate that the portal has not sealed with;
    Invalid for a time to come and without a reason; Conflict when it is invalid from then on
    already, and for a number that several bear. Effects, all or none: a row and an entry, and the
    same for each further certificate for its key, for whoever has the key seals under any of them.
    From now on nothing is sealed with it; its seals count only where they are shown to be older.
    """
    _take_turn("pg_advisory_xact_lock")
    found, since = _find(certificate), since.replace(microsecond=0)
    said = " ".join(reasons.clean(reason, required=NO_REASON).split())
    if len(said) > LONGEST:
        raise Invalid(f"Say it in at most {LONGEST} characters.")
    if since > timezone.now():
        raise Invalid("This time lies ahead: say from when on its key may have been misused.")
    known = found.invalid_from
    if known is not None and known <= since:
        raise Conflict(f"It is declared invalid as of {known:%d %B %Y, %H:%M} UTC already.")
    row = _declare(found, since, said, by)
    for other in certificates.for_key(certificates.of(found)):
        if other.invalid_from is None or other.invalid_from > since:
            _declare(other, since, said, by)
    return row


def _declare(
    certificate: SealCertificate, since: datetime, said: str, by: log.Audited
) -> SealRevocation:
    row = SealRevocation.objects.create(certificate=certificate, invalid_from=since, reason=said)
    facts = {"serial": certificate.serial, "invalid_from": since.isoformat()}
    log.record(kinds.SEAL_CERTIFICATE_REVOKED, by=by, on=certificate, **facts, reason=said)
    return row


def require_unrevoked(key: SealKey) -> None:
    """Raises Misconfigured when a certificate for a key was declared invalid, from whenever.

    Inside a transaction it stays so until that ends: a declaration waits.
    """
    _take_turn("pg_advisory_xact_lock_shared")
    if any(row.invalid_from for row in certificates.for_key(key.certificate)):
        raise Misconfigured(
            f"The seal's certificate {key.certificate.serial_number:x}, or another for the same "
            "key, was declared invalid, so nothing is sealed with it. Put a new key in its place; "
            "in the embedded shape `manage.py rotate_seal_key` makes one. What waits is sealed "
            "then."
        )


def _take_turn(lock: str) -> None:
    """Until the transaction ends. SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {lock}(%s)", [_TURN])


def sealed_since(row: SealRevocation) -> list[str]:
    """Returns the numbers of the agreements that the portal sealed with its key from then on."""
    of_its_key = certificates.for_key(certificates.of(row.certificate))
    made = AgreementDocument.objects.filter(
        certificate__in=of_its_key, rendered_at__gte=row.invalid_from
    )
    return sorted(set(made.values_list("agreement__number", flat=True)))


def _find(number: str) -> SealCertificate:
    digits = re.sub(r"[:\s]", "", number).lower().lstrip("0")
    named = Q(serial=digits) | Q(sha256=digits.zfill(64))
    found = list(SealCertificate.objects.filter(named))
    if len(found) > 1:
        raise Conflict(f"{len(found)} certificates bear the number {number}: name the SHA-256.")
    if not found:
        known = ", ".join(SealCertificate.objects.values_list("serial", flat=True)) or "none"
        raise NotFound(
            f"The portal has sealed nothing with a certificate of the number {number}. Those it has"
            f" sealed with: {known}."
        )
    return found[0]
