"""Is this PDF an agreement of ours, and is it as it was sealed?

`verify` takes bytes and the certificates to trust, and nothing else: the page, the command and the
tests ask the same question. It is genuine only if every byte of the file is what was sealed, the
seal's own place aside; later additions, however harmless, are told.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from hashlib import sha256
from typing import Any, Final

from requests_app.agreements.evidence import format_instant
from requests_app.agreements.seal_marks import Mark, marks
from requests_app.agreements.seal_worth import Recorded, worth
from requests_app.agreements.sealed_facts import Facts, in_time, read_facts
from requests_app.agreements.tampering import changes
from requests_app.agreements.trust import Trust


class Finding(Enum):
    GENUINE = "genuine"
    UNPROVEN = "not proven"
    ALTERED = "altered"
    NOT_OURS = "not ours"


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: a sentence, what the sealed part says, and what was changed after it.

    `facts` are there when some seal holds: always for a genuine document, and for an altered one
    if its sealed part is still whole. Whatever a document says that is not proven, is not told.
    """

    finding: Finding
    sentence: str
    facts: Facts | None = None
    changes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Returns the verdict as JSON types; instants as RFC 3339 in UTC."""
        facts = _plain(asdict(self.facts)) if self.facts else None
        return {
            "finding": self.finding.value,
            "sentence": self.sentence,
            "agreement": facts,
            "changes": list(self.changes),
        }


NOT_A_PDF: Final = "This file is not a PDF, so it is not one of our agreements."
NO_SEAL: Final = (
    "This document bears no seal of this portal. If it should be one of our agreements, it was "
    "printed, scanned or saved anew on the way: ask for the file as it was sent."
)
CHANGED: Final = (
    "This document bears our seal, but it is not what was sealed: at least one byte of it was "
    "changed afterwards. Do not rely on it."
)
CUT: Final = (
    "This document bears our seal, but its end is missing. Ask for the whole file; do not rely on "
    "this one."
)
ADDED: Final = (
    "The agreement in this file is as it was sealed, but something was added to the file "
    "afterwards, which may change what you see. Do not rely on it; ask for the file as it was sent."
)
BROKEN: Final = (
    "The agreement in this file is as it was first sealed, but what follows was changed: a later "
    "seal of ours does not hold any more. Do not rely on it; ask for the file as it was sent."
)
OUT_OF_TIME: Final = (
    "This document was sealed when the certificate of its seal was not valid, so the seal proves "
    "nothing. Do not rely on it."
)
UNREADABLE: Final = (
    "This file is damaged so badly that nothing can be said about it, so it is not genuine. Ask "
    "for it again."
)


def verify(content: bytes, trust: Trust, recorded: Recorded = lambda *_: None) -> Verdict:
    """Returns the verdict on a file. Never raises, whatever the file holds, and never fetches.

    `recorded` is asked when the portal wrote down the document that the last seal ends; whoever has
    no records asks nobody.
    """
    try:
        return _verify(content, trust, recorded)
    except Exception:  # noqa: BLE001 - whatever a stranger's file makes a parser do
        return Verdict(Finding.NOT_OURS, UNREADABLE)


def _verify(content: bytes, trust: Trust, recorded: Recorded) -> Verdict:
    if not content.startswith(b"%PDF-"):
        return Verdict(Finding.NOT_OURS, NOT_A_PDF)
    found = marks(content, trust)
    holding = [mark for mark in found if mark.holds]
    if not found:
        return Verdict(Finding.NOT_OURS, NO_SEAL)
    if not holding:
        return Verdict(Finding.ALTERED, CUT if any(mark.cut for mark in found) else CHANGED)
    return _judge(content, found, holding, trust, recorded)


def _judge(
    content: bytes, found: list[Mark], holding: list[Mark], trust: Trust, recorded: Recorded
) -> Verdict:
    """The verdict on a file in which some seal of ours holds."""
    end = max(mark.end for mark in holding)
    facts = read_facts(content[:end], holding, trust)
    if not in_time(facts, holding):
        return Verdict(Finding.NOT_OURS, OUT_OF_TIME)
    what = worth(facts, recorded(facts.number, sha256(content[:end]).hexdigest()))
    if what.doubt:
        return Verdict(Finding.UNPROVEN, what.doubt)
    if end < len(content) or len(holding) < len(found):
        return _altered(content, end, facts, found)
    return Verdict(Finding.GENUINE, _genuine(facts) + what.note, facts)


def _altered(content: bytes, end: int, facts: Facts, found: list[Mark]) -> Verdict:
    if all(mark.holds for mark in found):
        return Verdict(Finding.ALTERED, ADDED, facts, changes(content, end))
    # What follows brings that seal itself, so nothing of it can be called added.
    return Verdict(
        Finding.ALTERED, BROKEN, facts, ("A later seal, or what it covers, was changed.",)
    )


def _genuine(facts: Facts) -> str:
    countersigned = " and countersigned by the lab" if len(facts.seals) > 1 else ""
    return (
        f"This is agreement {facts.number}, signed by {_who_and_when(facts)}, sealed by the portal"
        f"{countersigned}. Not one byte has changed since."
    )


def _who_and_when(facts: Facts) -> str:
    """The day is told once if all signed on the same."""
    days = [_day(signer.signed_at) for signer in facts.signers]
    told = [f"{signer.name} on {day}" for signer, day in zip(facts.signers, days, strict=True)]
    if len(set(days)) == 1:
        told = [*(signer.name for signer in facts.signers[:-1]), told[-1]]
    return ", ".join(told)


def _day(instant: datetime) -> str:
    return f"{instant:%d %B %Y}".lstrip("0")


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return format_instant(value)
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    return value
