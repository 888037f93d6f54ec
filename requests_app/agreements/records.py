"""What the portal that sealed can say besides: is this file among the documents that it made?

Only here: whoever verifies without this portal has the file and the certificates, and no more. With
a key that was stolen anybody can seal; nobody can put a document among ours.
"""

from dataclasses import replace
from hashlib import sha256
from typing import Final

from requests_app.agreements.models import AgreementDocument
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import Finding, Verdict, verify

NOT_AMONG_OURS: Final = (
    "This document bears a seal made with a key of this portal, but it is not among the documents "
    "that the portal made. Do not rely on it, and tell the lab: its key may be in other hands."
)


def verify_here(content: bytes) -> Verdict:
    """Returns the verdict of `verify`; a file that is genuine by itself must be one of ours too."""
    verdict = verify(content, Trust.published())
    if verdict.finding is not Finding.GENUINE or verdict.facts is None:
        return verdict
    made = AgreementDocument.objects.filter(agreement__number=verdict.facts.number)
    if made.filter(sha256=sha256(content).hexdigest()).exists():
        return verdict
    return replace(verdict, finding=Finding.NOT_OURS, sentence=NOT_AMONG_OURS, facts=None)
