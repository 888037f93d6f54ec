"""What an applicant does while others have yet to sign: takes one of them out, or stops it all."""

from uuid import UUID

from django.db import transaction

from requests_app.agreements.completing import complete_if_all_signed
from requests_app.agreements.inviting import addressed_to, is_anew, is_over, lock_signatory
from requests_app.agreements.models import Agreement
from requests_app.agreements.outstanding import Outcome, open_agreement, outcome, signatories_of
from requests_app.agreements.signatories import (
    AgreementVoid,
    Cosignature,
    Signatory,
    SignatoryExit,
)
from requests_app.audit import kinds, log
from requests_app.errors import Conflict
from requests_app.identity.models import User
from requests_app.notifications import invitations
from requests_app.requests import reasons, transitions
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import Verb

NO_REASON = "Say why: the reason is kept with the agreement."
CANNOT_GO = (
    "The dataset is handed out only with a signature for your institution. To name somebody else, "
    "stop collecting signatures, change the request, and sign again."
)
CANNOT_GO_ANEW = (
    "The dataset is handed out only with a signature for your institution. To name somebody else, "
    "stop this signing, then sign again and name them there."
)
LEAVES_THE_GRANT = (
    "They use the data already. Remove them from the grant, on the page of the request: then they "
    "leave this version with it, and the download links are replaced."
)


@transaction.atomic
def remove(*, signatory_id: UUID | str, by: User, reason: str) -> SignatoryExit:
    """Takes a member who has not signed out of the agreement.

    The agreement names them, and says that they were removed. If nobody is left to wait for, it is
    complete. Raises NotFound for anybody but the applicant; Invalid without a reason; Conflict for
    somebody who signed, was removed, signs for the institution, or uses the data under an earlier
    version. Effects: the exit, the person gone from the request, one entry, a message to
    them, and what `completing` does.
    """
    reason = reasons.clean(reason, required=NO_REASON)
    signatory = lock_signatory(signatory_id, by)
    agreement = signatory.agreement
    if outcome(signatory) not in {Outcome.WAITING, Outcome.DECLINED} or is_over(agreement):
        raise Conflict(f"{signatory} is not waited for, so there is nobody to remove.")
    if signatory.role == Signatory.Role.INSTITUTION:
        raise Conflict(CANNOT_GO_ANEW if is_anew(agreement) else CANNOT_GO)
    if is_anew(agreement) and _signed_before(signatory):
        raise Conflict(LEAVES_THE_GRANT)
    declined = outcome(signatory) is Outcome.DECLINED
    left = SignatoryExit.objects.create(
        signatory=signatory, kind=SignatoryExit.Kind.REMOVED, reason=reason
    )
    agreement.access_request.named_people.filter(email__iexact=signatory.email).delete()
    log.record(
        kinds.SIGNATORY_REMOVED,
        by=by,
        on=signatory,
        agreement=agreement.number,
        role=signatory.role,
        reason=reason,
    )
    if not declined:
        invitations.invitation_closed(
            **addressed_to(signatory),
            why=f"{agreement.values['applicant_name']} has taken your name out of the request.",
            signed=False,
        )
    complete_if_all_signed(agreement, by=by)
    return left


def _signed_before(signatory: Signatory) -> bool:
    """Whether they accepted an earlier version: that may have had nothing for them to sign."""
    agreement = signatory.agreement
    earlier = Cosignature.objects.filter(
        signatory__agreement__access_request=agreement.access_request_id,
        signatory__agreement__void=None,
        signatory__email__iexact=signatory.email,
    )
    return earlier.exclude(signatory__agreement=agreement).exists()


@transaction.atomic
def stop_collecting(*, access_request_id: UUID | str, by: User) -> AgreementVoid:
    """Ends the collecting of signatures without an agreement.

    The applicant may change the request and sign again. Under an approved request the grant stays
    on the version it stands on. Raises what `transitions.lock` raises, and Conflict when nothing is
    being collected. Effects: the void, one entry, and a message to each who was invited and did not
    decline.
    """
    access_request = transitions.lock(access_request_id, Verb.STOP, by)
    agreement = open_agreement(access_request)
    if agreement is None:
        raise Conflict("Nobody is asked to sign now, so there is nothing to stop.")
    transitions.move(access_request, verb=Verb.STOP, by=by, agreement=agreement.number)
    return void(agreement, AgreementVoid.Why.STOPPED, by)


def end_collecting(access_request: AccessRequest, by: User | None) -> Agreement | None:
    """Voids what is being collected for a request or a grant that ends; None when nothing is.

    Part of the verb that ends it and writes the entry; `by` is None where nobody did: a grant ran
    out. Effects: the void, and the messages.
    """
    agreement = open_agreement(access_request)
    if agreement is not None:
        if access_request.collecting_since is not None:
            transitions.set_collecting(access_request, None)
        void(agreement, AgreementVoid.Why.ENDED, by)
    return agreement


def drop(access_request: AccessRequest, *, email: str, by: User, reason: str) -> None:
    """Waits no longer for a member who left the grant while a new version is being signed.

    Part of the verb that removes them and writes the entry. Effects: the exit, and what
    `completing` does.
    """
    agreement = open_agreement(access_request)
    for signatory in signatories_of(agreement) if agreement else []:
        waits = outcome(signatory) in {Outcome.WAITING, Outcome.DECLINED}
        if agreement and waits and signatory.email.lower() == email.lower():
            SignatoryExit.objects.create(
                signatory=signatory, kind=SignatoryExit.Kind.REMOVED, reason=reason
            )
            complete_if_all_signed(agreement, by=by)


def void(agreement: Agreement, why: AgreementVoid.Why, by: User | None) -> AgreementVoid:
    """Keeps that an agreement never came to be, and tells everybody who was asked to sign it."""
    made = AgreementVoid.objects.create(agreement=agreement, why=why, by=by)
    name = agreement.values["applicant_name"]
    ended = "grant" if is_anew(agreement) else "request"
    sentence = {
        AgreementVoid.Why.STOPPED: f"{name} has stopped this signing, to change something.",
        AgreementVoid.Why.ENDED: f"The {ended} of {name} has ended.",
    }[why]
    for signatory in signatories_of(agreement):
        found = outcome(signatory)
        if found in {Outcome.WAITING, Outcome.SIGNED}:
            invitations.invitation_closed(
                **addressed_to(signatory), why=sentence, signed=found is Outcome.SIGNED
            )
    return made
