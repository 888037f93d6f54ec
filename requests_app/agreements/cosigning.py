"""What an invited person does: reads the agreement as it was signed, and signs it or says no.

Everything happens under the lock of the request's row, so the last signature is the last one.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe

from requests_app.agreements import codes
from requests_app.agreements.answers import digest, shown_digest
from requests_app.agreements.completing import complete_if_all_signed
from requests_app.agreements.drawing import read_drawing
from requests_app.agreements.evidence import Affirmed, Cosigned
from requests_app.agreements.filling import fill
from requests_app.agreements.inviting import (
    addressed_to,
    is_anew,
    lock_request,
    open_invitation,
)
from requests_app.agreements.models import Agreement
from requests_app.agreements.outstanding import Outcome, outcome
from requests_app.agreements.preview import Preview
from requests_app.agreements.signatories import (
    AgreementVoid,
    Cosignature,
    Invitation,
    Signatory,
    SignatoryExit,
)
from requests_app.agreements.wording import read_wording
from requests_app.audit import kinds, log, origin
from requests_app.errors import Conflict, Invalid, Refused
from requests_app.identity.institutions import judge
from requests_app.identity.names import clean_line, folded
from requests_app.notifications import invitations, messages
from requests_app.requests import reasons
from requests_app.requests.models import AccessRequest

NO_REASON = "Say why you do not sign: the applicant reads it."
_OVER = {
    Outcome.SIGNED: "You have signed this agreement already, and nothing more is asked of you.",
    Outcome.REMOVED: "Your name was taken out of the request, so you are not asked to sign.",
    Outcome.DECLINED: "You have said that you do not sign. {name} was told.",
}


def preview_for(signatory: Signatory) -> Preview:
    """Returns the agreement as the applicant signed it, with what this signatory affirms."""
    agreement = signatory.agreement
    wording = read_wording(agreement.text.body)
    return Preview(
        title=wording.title,
        html=mark_safe(fill(wording, agreement.values)),  # noqa: S308 - fill() escapes every answer
        text_id=agreement.text_id,
        text_number=agreement.text.number,
        shown_sha256=_shown(agreement),
        affirmations=wording.affirmations_of(signatory.role),
        electronic_consent=wording.electronic_consent,
        summary=wording.summary,
    )


def obstacle(invitation: Invitation) -> str:
    """Returns why nothing can be signed at this invitation now, as a sentence; empty when it can.

    An invitation that ran out or was sent again says so only while its signatory is asked at all.
    """
    signatory = invitation.signatory
    name = signatory.agreement.values["applicant_name"]
    if (found := outcome(signatory)) is not Outcome.WAITING:
        return _OVER[found].format(name=name)
    if void := AgreementVoid.objects.filter(agreement=signatory.agreement).first():
        if void.why == AgreementVoid.Why.ENDED:
            ended = "grant" if is_anew(signatory.agreement) else "request"
            return (
                f"The {ended} that you were asked to sign for has ended. Nothing is asked of you."
            )
        return f"{name} has stopped this signing. If there is a new one, you get a new invitation."
    if signatory.invitations.first() != invitation:
        return "A newer invitation was sent to you since. Open the address in that e-mail."
    if timezone.now() >= invitation.expires_at:
        return f"This invitation has expired. Ask {name} to send it again."
    return ""


@transaction.atomic
def send_code(*, token: str) -> datetime:
    """Mails a signatory the code to sign with; returns when (aware).

    Raises NotFound for an unknown token, Conflict when nothing can be signed at it, Refused for an
    address that was refused since, or after too many codes.
    """
    signatory, _ = _lock(token)
    _require_accepted(signatory)
    code = codes.new_code(signatory)
    invitations.signing_code(**addressed_to(signatory), code=code, valid_for=codes.VALID_FOR)
    return codes.sent_at(signatory) or timezone.now()


@transaction.atomic
def cosign(
    *,
    token: str,
    typed_name: str,
    affirmations: Collection[str],
    consent_electronic: bool,
    code: str,
    shown_sha256: str,
    locale: str,
    drawn: str = "",
) -> Cosignature:
    """Signs the agreement for the invited person, and submits the request if they were the last.

    Raises NotFound for an unknown token; Conflict when nothing can be signed at it or the agreement
    is not the one shown; Refused for an address that was refused since; Invalid, with fields, when
    something is missing or the code is wrong. Effects, all or none: the signature with its
    evidence, one entry, and with the last one what `completing` does.
    """
    signatory, invitation = _lock(token)
    _require_accepted(signatory)
    if shown_sha256 != _shown(signatory.agreement):
        raise Conflict("This is not the agreement you were shown. Read it again, then sign.")
    _require_whole(signatory, typed_name, affirmations, consent_electronic=consent_electronic)
    path = read_drawing(drawn)
    code_sent_at = codes.check(signatory, code)
    evidence = replace(
        _witness(signatory, invitation, typed_name, code_sent_at),
        locale=locale,
        drawn_signature=path,
    ).as_json()
    cosignature = Cosignature.objects.create(
        signatory=signatory, signed_at=timezone.now().replace(microsecond=0), evidence=evidence
    )
    log.record(
        kinds.AGREEMENT_COSIGNED,
        by=signatory,
        on=signatory.agreement,
        agreement=signatory.agreement.number,
        role=signatory.role,
        shown_sha256=shown_sha256,
        evidence_sha256=digest(evidence),
        typed_name=evidence["typed_name"],
    )
    codes.spend(signatory)
    complete_if_all_signed(signatory.agreement, by=signatory)
    return cosignature


@transaction.atomic
def refuse(*, token: str, reason: str, code: str) -> SignatoryExit:
    """Keeps that an invited person does not sign, and why; the applicant is told.

    It ends the invitation for good, so it takes the code from the mailbox as signing does: an
    address that was passed on cannot decline for anybody. Raises NotFound, Conflict, and Invalid
    without a reason or with a wrong code. Effects: the exit, an entry, a message.
    """
    reason = reasons.clean(reason, required=NO_REASON)
    signatory, _ = _lock(token)
    codes.check(signatory, code)
    left = SignatoryExit.objects.create(
        signatory=signatory, kind=SignatoryExit.Kind.DECLINED, reason=reason
    )
    agreement = signatory.agreement
    log.record(
        kinds.SIGNATURE_REFUSED,
        by=signatory,
        on=agreement,
        agreement=agreement.number,
        role=signatory.role,
        reason=reason,
    )
    codes.spend(signatory)
    letter = messages.Letter(
        to=agreement.signer.email,
        full_name=agreement.values["applicant_name"],
        dataset_title=agreement.values["dataset_title"],
        research_title=agreement.values["research_title"],
        reason=reason,
        path=reverse("request_detail", args=[agreement.access_request_id]),
        trail=agreement.audit_trail,
    )
    invitations.signature_refused(**letter, signatory_name=signatory.name, role=signatory.role)
    return left


def _lock(token: str) -> tuple[Signatory, Invitation]:
    found = open_invitation(token)
    request = found.signatory.agreement.access_request_id
    lock_request(AccessRequest.objects.filter(pk=request).values("pk"))
    invitation = open_invitation(token)  # as it is now that nobody else moves it
    if sentence := obstacle(invitation):
        raise Conflict(sentence)
    return invitation.signatory, invitation


def _require_accepted(signatory: Signatory) -> None:
    verdict = judge(signatory.email)
    if not verdict.accepted:
        raise Refused(verdict.reason)


def _shown(agreement: Agreement) -> str:
    return shown_digest(text_sha256=agreement.text.sha256, answers=agreement.values)


def _require_whole(
    signatory: Signatory,
    typed_name: str,
    affirmations: Collection[str],
    *,
    consent_electronic: bool,
) -> None:
    wording = read_wording(signatory.agreement.text.body)
    asked = {each.key for each in wording.affirmations_of(signatory.role)}
    wrong: dict[str, list[str]] = {}
    if folded(typed_name) != folded(signatory.name):
        wrong["typed_name"] = [
            f"Type your full name as you were invited: {signatory.name}. If that is not your "
            "name, ask whoever invited you to correct it."
        ]
    if asked - set(affirmations):
        wrong["affirmations"] = ["Affirm every statement, or do not sign."]
    if not consent_electronic:
        wrong["consent_electronic"] = ["To sign here, agree to sign electronically."]
    if wrong:
        raise Invalid("Nothing was signed yet. See the notes beside the fields.", wrong)


def _witness(
    signatory: Signatory,
    invitation: Invitation,
    typed_name: str,
    code_sent_at: datetime,
) -> Cosigned:
    wording = read_wording(signatory.agreement.text.body)
    now, source = timezone.now(), origin.current()
    return Cosigned(
        typed_name=clean_line(typed_name),
        role=signatory.role,
        position=signatory.position,
        email=signatory.email,
        invited_at=invitation.created_at,
        code_sent_at=code_sent_at,
        method="code sent to the address",
        shown_sha256=_shown(signatory.agreement),
        electronic_consent=Affirmed("electronic_consent", wording.electronic_consent, now),
        affirmations=tuple(
            Affirmed(each.key, each.text, now) for each in wording.affirmations_of(signatory.role)
        ),
        signed_at=now,
        ip_address=source.ip,
        user_agent=source.user_agent[:500],
        locale="",
    )
