"""The evidence of one signature: what shows later who signed what, when and how.

The applicant's is a simple electronic signature (eIDAS art. 25(1); ESIGN and UETA; Electronic
Transactions Act 1999 (Cth) s 10), so it stands on these facts and not on cryptography. They are
stored with the signed agreement, printed on its certificate page and embedded in the document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

FORMAT: Final = "agreement-evidence-4"
SIMPLE_SIGNATURE: Final = "simple electronic signature"
OWN_SIGNATURE: Final = "digital signature in this file, with a certificate of the signer's own"


@dataclass(frozen=True)
class Affirmed:
    """One affirmation as it was made: its key and words in the text version, and when (UTC)."""

    key: str
    text: str
    at: datetime


@dataclass(frozen=True)
class Evidence:
    """Everything recorded when an agreement is signed. Instants are aware and in UTC.

    Digests are SHA-256 in hexadecimal: of the text version, of the canonical answers (RFC 8785),
    and of both together as they were shown. `method` says how the applicant logged in again,
    `paper` the page size of the document, A4 or Letter. `drawn_signature` is SVG path data
    (`drawing`), empty for most; with `own_certificate` the applicant signs the document itself.
    `log_checkpoint` is the audit log's latest checkpoint then, a signed note; empty before the
    first, and in evidence of older formats.
    """

    number: str
    dataset: str
    text_number: int
    text_sha256: str
    answers_sha256: str
    shown_sha256: str
    typed_name: str
    position: str
    institution: str
    account: str
    email: str
    email_verified_at: datetime | None
    reauthenticated_at: datetime
    method: str
    electronic_consent: Affirmed
    affirmations: tuple[Affirmed, ...]
    signed_at: datetime
    ip_address: str
    user_agent: str
    locale: str
    paper: str
    drawn_signature: str = ""
    own_certificate: bool = False
    log_checkpoint: str = ""

    def as_json(self) -> dict[str, Any]:
        """Returns the evidence as JSON types; `from_json` is its inverse. Seconds precision."""
        plain = {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}
        if not self.log_checkpoint:
            del plain["log_checkpoint"]  # so that the digest of older evidence stays what it was
        kind = OWN_SIGNATURE if self.own_certificate else SIMPLE_SIGNATURE
        return {**plain, "whole_text_shown": True, "signature": kind}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Evidence":
        """Returns the evidence that `as_json` made `stored` from."""
        # The first format knew none of them, the second not the last.
        unknown = {"drawn_signature": "", "own_certificate": False, "log_checkpoint": ""}
        known = {**unknown, **stored}
        values = {name: known[name] for name in cls.__dataclass_fields__}
        for name in ("email_verified_at", "reauthenticated_at", "signed_at"):
            values[name] = parse_instant(values[name]) if values[name] else None
        values["electronic_consent"] = _affirmed(values["electronic_consent"])
        values["affirmations"] = tuple(_affirmed(entry) for entry in values["affirmations"])
        return cls(**values)


@dataclass(frozen=True)
class Cosigned:
    """Everything recorded when an invited person signs. Instants are aware and in UTC.

    `role` is member or institution; the code was mailed to the address, and typed to sign.
    """

    typed_name: str
    role: str
    position: str
    email: str
    invited_at: datetime
    code_sent_at: datetime
    method: str
    shown_sha256: str
    electronic_consent: Affirmed
    affirmations: tuple[Affirmed, ...]
    signed_at: datetime
    ip_address: str
    user_agent: str
    locale: str
    drawn_signature: str = ""

    def as_json(self) -> dict[str, Any]:
        """Returns the evidence as JSON types; `from_json` is its inverse. Seconds precision."""
        plain = {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}
        return {**plain, "whole_text_shown": True, "signature": SIMPLE_SIGNATURE}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Cosigned":
        """Returns the evidence that `as_json` made `stored` from."""
        values = {name: stored[name] for name in cls.__dataclass_fields__}
        for name in ("invited_at", "code_sent_at", "signed_at"):
            values[name] = parse_instant(values[name])
        values["electronic_consent"] = _affirmed(values["electronic_consent"])
        values["affirmations"] = tuple(_affirmed(entry) for entry in values["affirmations"])
        return cls(**values)


@dataclass(frozen=True)
class Party:
    """A signatory besides the applicant, as the document tells of them.

    `outcome` is signed or removed; `at` the instant of either; `evidence` is there for a signature.
    """

    name: str
    role: str
    email: str
    position: str
    outcome: str
    at: datetime
    evidence: Cosigned | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns the party as JSON types."""
        told = {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}
        return {**told, "evidence": self.evidence and self.evidence.as_json()}


@dataclass(frozen=True)
class SealNote:
    """What is known of the seal before it is set; printed, embedded, and covered by the seal.

    `level` such as "B-B"; `dated_by` says whose word its time is: the "portal", an "authority"
    whose certificate is not checked, or a "trusted authority"; the digest is of the certificate
    (DER), in hexadecimal; the addresses are where anybody verifies the document, and where the
    portal's certificates are published. The first three are empty in a document that its applicant
    signs first: when it is sealed, perhaps with another key, nothing in it can be written any more.
    """

    verify_url: str
    certificates_url: str
    level: str = ""
    certificate_sha256: str = ""
    dated_by: str = ""


def embedded(
    evidence: Evidence, answers: Mapping[str, Any], parties: Sequence[Party], seal: SealNote
) -> dict[str, Any]:
    """Returns what `evidence.json` holds: docs/reference/agreement-evidence.schema.json.

    Without `answers`, `copies_to`, `format`, `seal` and `signatories` it is the evidence that the
    audit log's digest is of; the evidence of each signatory has a digest in the log as well.
    """
    return {
        **evidence.as_json(),
        "answers": dict(answers),
        "copies_to": [evidence.email, *(each.email for each in parties if each.evidence)],
        "format": FORMAT,
        "signatories": [party.as_json() for party in parties],
        "seal": {
            **{name: told for name, told in asdict(seal).items() if told},
            "kind": "PAdES signature by the portal",
        },
    }


def format_instant(instant: datetime) -> str:
    """Returns an instant as RFC 3339 in UTC to the second, such as `2026-01-31T09:30:00Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: str) -> datetime:
    """Returns the aware instant that `format_instant` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _plain(value: object) -> object:
    match value:
        case datetime():
            return format_instant(value)
        case Affirmed():
            return {"at": format_instant(value.at), "key": value.key, "text": value.text}
        case tuple():
            return [_plain(entry) for entry in value]
    return value


def _affirmed(stored: Mapping[str, str]) -> Affirmed:
    return Affirmed(stored["key"], stored["text"], parse_instant(stored["at"]))
