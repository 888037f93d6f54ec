"""What the portal that sealed can say besides: is this file among the documents that it made?

Only here: whoever verifies without this portal has the file and the certificates, and no more. With
a key that was stolen anybody can seal; nobody can put a document among ours.
"""

import re
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Final

from requests_app.agreements.models import AgreementDocument
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import CHANGED, Finding, Verdict, verify

NOT_AMONG_OURS: Final = (
    "This document bears a seal made with a key of this portal, but it is not among the documents "
    "that the portal made. Do not rely on it, and tell the lab: its key may be in other hands."
)

_SEAL: Final = re.compile(rb"/Contents <[0-9A-Fa-f]+>")

AMONG_OURS: Final = (
    " The portal has this very file among its documents; whether that is enough, the lab must say."
)


def verify_here(content: bytes, trust: Trust | None = None) -> Verdict:
    """Returns the verdict of `verify`, but for a file that is not among ours, whatever its seal.

    Without `trust` it is measured against what this portal has published.
    """
    told: dict[str, datetime | None] = {}
    numbers = []

    def recorded(number: str, digest: str) -> datetime | None:
        numbers.append(number)
        told[digest] = recorded_at(number, digest)
        return told[digest]

    verdict = verify(content, trust or Trust.published(), recorded)
    if verdict.finding not in {Finding.GENUINE, Finding.UNPROVEN}:
        return verdict
    if told.get(sha256(content).hexdigest()) is None:
        if any(_is_made_of(content, number) for number in numbers):
            return Verdict(Finding.ALTERED, CHANGED)
        return Verdict(Finding.NOT_OURS, NOT_AMONG_OURS)
    if verdict.finding is Finding.UNPROVEN:
        return replace(verdict, sentence=verdict.sentence + AMONG_OURS)
    return verdict


def recorded_at(number: str, digest: str) -> datetime | None:
    """Returns when the portal made the document of this agreement with this SHA-256, if it did."""
    made = AgreementDocument.objects.filter(agreement__number=number, sha256=digest)
    return made.values_list("rendered_at", flat=True).first()


def _is_made_of(content: bytes, number: str) -> bool:
    """Whether it is a document of ours but for its last seal, of which parts sign nothing.

    To change those takes no key, so it must not look as if somebody else had ours.
    """
    made = AgreementDocument.objects.filter(agreement__number=number, size=len(content))
    return any(_SEAL.sub(b"", bytes(each.content)) == _SEAL.sub(b"", content) for each in made)
