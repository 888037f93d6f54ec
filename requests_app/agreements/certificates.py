"""The history of the seal's certificates: recorded with their first use, published for everybody.

A seal is verified against this history, so a new key takes nothing away from old agreements.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.db import transaction
from django.db.models import QuerySet

from requests_app import conf
from requests_app.agreements import key_making, sealing_keys
from requests_app.agreements.evidence import format_instant, parse_instant
from requests_app.agreements.models import SealCertificate
from requests_app.agreements.sealing_keys import SealKey
from requests_app.audit import kinds, log
from requests_app.errors import Conflict, Invalid

_INVALID: Final = b"DECLARED INVALID"
_MARK: Final = re.compile(
    rb"^DECLARED INVALID from (\S+)\r?\nSHA-256: ([0-9a-f]{64})\r?$", re.MULTILINE
)


@transaction.atomic
def record(key: SealKey) -> SealCertificate:
    """Returns the row of the key's certificate; adds it, and an entry, when it is new."""
    row, created = _add(key)
    if created:
        log.record(kinds.SEAL_CERTIFICATE_RECORDED, by=log.SYSTEM, on=row, **_facts(row))
    return row


def rotate(*, by: log.Audited) -> SealCertificate:
    """Makes a new key in place of the one that seals now; returns its certificate's row.

    Works where the portal keeps the key itself. Raises Conflict where the operator gives it as a
    file, Misconfigured when the files cannot be written. Effects: the key file, the history with
    the old and the new certificate, one entry. Old seals stay valid; the old private key is gone.
    """
    path = conf.seal_key_file()
    if not conf.is_embedded() or path != conf.own_seal_key_file():
        raise Conflict(
            f"The seal's key is your file {path}. Make a new one with --folder, or have your "
            "authority issue one, put it in that place and start the workers again: its "
            "certificate enters the history with the first seal."
        )
    previous = record(sealing_keys.load())
    key_making.replace(path.parent)
    with transaction.atomic():
        row, _ = _add(sealing_keys.load())
        facts = _facts(row) | {"previous_sha256": previous.sha256}
        log.record(kinds.SEAL_KEY_ROTATED, by=by, on=row, **facts)
    return row


def history() -> QuerySet[SealCertificate]:
    """Returns every certificate that the portal has sealed with, the newest first.

    With what was declared of each.
    """
    return SealCertificate.objects.prefetch_related("revocations")


def for_key(certificate: x509.Certificate) -> list[SealCertificate]:
    """Returns every recorded certificate for the key that this one is for.

    An authority may renew a certificate and leave the key.
    """
    key = certificate.public_key()
    return [row for row in history() if of(row).public_key() == key]


def of(row: SealCertificate) -> x509.Certificate:
    """Returns the certificate that a row is about."""
    [found] = _read(row.content)
    return found


def published() -> str:
    """Returns the history as PEM: the roots first, then the certificates that seal.

    What stands before each BEGIN says what it is; programs skip it (RFC 7468, section 2).
    """
    rows = list(history())
    above = _above(rows)
    roots = [each for each in above if each.issuer == each.subject]
    between = [each for each in above if each not in roots]
    own = [(of(row), row.invalid_from) for row in rows]
    blocks = [
        *(_block("Root", each) for each in roots),
        *(_block("Between root and seal", each) for each in between),
        *(_block("Seal", each, invalid) for each, invalid in own),
    ]
    return "\n".join(blocks)


def revoked_in(pem: bytes) -> dict[str, datetime]:
    """Returns SHA-256 -> from when on it is invalid, for each certificate that `published` marks.

    Raises Invalid when such a mark cannot be read: it must not be passed over.
    """
    marks = _MARK.findall(pem)
    try:
        found = {sha256.decode(): parse_instant(since.decode()) for since, sha256 in marks}
    except ValueError:
        found = {}
    if len(found) != pem.count(_INVALID):
        raise Invalid("This list says of a certificate that it is invalid, and not how we say it.")
    return found


def as_pem(key: SealKey) -> str:
    """Returns the certificates of a key, its own first, whether or not they are recorded yet."""
    return _pem([key.certificate, *key.chain])


def roots(rows: Iterable[SealCertificate]) -> list[tuple[str, str]]:
    """Returns subject and SHA-256 (hexadecimal) of each root above the certificates `rows`."""
    return [
        (each.subject.rfc4514_string(), sealing_keys.fingerprint(each))
        for each in _above(rows)
        if each.issuer == each.subject
    ]


def _above(rows: Iterable[SealCertificate]) -> list[x509.Certificate]:
    return list(dict.fromkeys(each for row in rows for each in _read(row.chain)))


def _read(pem: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem.encode()) if pem else []


def _add(key: SealKey) -> tuple[SealCertificate, bool]:
    certificate = key.certificate
    return SealCertificate.objects.get_or_create(
        sha256=key.sha256,
        defaults={
            "serial": f"{certificate.serial_number:x}",
            "subject": certificate.subject.rfc4514_string()[:300],
            "content": _pem([certificate]),
            "chain": _pem(key.chain),
            "valid_from": certificate.not_valid_before_utc,
            "valid_until": certificate.not_valid_after_utc,
        },
    )


def _facts(row: SealCertificate) -> dict[str, str]:
    return {
        "serial": row.serial,
        "valid_from": row.valid_from.isoformat(),
        "valid_until": row.valid_until.isoformat(),
    }


def _pem(certificates: Iterable[x509.Certificate]) -> str:
    encoding = serialization.Encoding.PEM
    return "".join(each.public_bytes(encoding).decode() for each in certificates)


def _block(what: str, certificate: x509.Certificate, invalid: datetime | None = None) -> str:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return (
        f"{what}: {certificate.subject.rfc4514_string()}\n"
        f"Valid from {begins:%Y-%m-%d} until {ends:%Y-%m-%d}\n"
        + (f"DECLARED INVALID from {format_instant(invalid)}\n" if invalid else "")
        + f"SHA-256: {sealing_keys.fingerprint(certificate)}\n{_pem([certificate])}"
    )
