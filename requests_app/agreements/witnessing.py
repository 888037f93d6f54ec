"""Witnessing a signature: gathering the evidence of it from all the places that know a part."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from requests_app.agreements.answers import Answers, digest, shown_digest
from requests_app.agreements.evidence import Affirmed, Evidence
from requests_app.agreements.models import AgreementText
from requests_app.agreements.wording import Wording
from requests_app.audit import checkpoints, origin
from requests_app.identity import applicants
from requests_app.identity.models import User
from requests_app.identity.names import clean_line

# Countries whose offices print on US Letter (Unicode CLDR, paper size US-Letter).
LETTER_COUNTRIES: Final = frozenset(
    {"BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE"}
)


@dataclass(frozen=True, slots=True)
class Signature:
    """What the applicant sent from the signing page, and how they had logged in again.

    `affirmations` are keys of the text version; `reauthenticated_at` is aware; `drawn` is the path
    that `drawing.read_drawing` made, empty for none; with `own_certificate` they go on to sign the
    PDF itself.
    """

    typed_name: str
    affirmations: frozenset[str]
    consent_electronic: bool
    reauthenticated_at: datetime
    method: str
    locale: str
    drawn: str = ""
    own_certificate: bool = False


def witness(
    signature: Signature,
    *,
    number: str,
    by: User,
    text: AgreementText,
    wording: Wording,
    answers: Answers,
    country: str,
    now: datetime,
) -> Evidence:
    """Returns the evidence of `signature`, given at `now` under the agreement `number`.

    `country` is the two-letter code that decides the paper. The address and browser are those of
    the act in progress (`audit.origin`).
    """
    source = origin.current()
    return Evidence(
        number=number,
        dataset=answers["dataset_title"],
        text_number=text.number,
        text_sha256=text.sha256,
        answers_sha256=digest(answers),
        shown_sha256=shown_digest(text_sha256=text.sha256, answers=answers),
        typed_name=clean_line(signature.typed_name),
        position=answers["position"],
        institution=answers["institution"],
        account=by.audit_ref,
        email=answers["email"],
        email_verified_at=applicants.verified_at(by),
        reauthenticated_at=signature.reauthenticated_at,
        method=signature.method,
        electronic_consent=Affirmed("electronic_consent", wording.electronic_consent, now),
        affirmations=tuple(Affirmed(item.key, item.text, now) for item in wording.affirmations),
        signed_at=now,
        ip_address=source.ip,
        user_agent=source.user_agent[:500],
        locale=signature.locale,
        drawn_signature=signature.drawn,
        own_certificate=signature.own_certificate,
        paper="Letter" if country in LETTER_COUNTRIES else "A4",
        log_checkpoint=checkpoints.latest_note(),
    )
