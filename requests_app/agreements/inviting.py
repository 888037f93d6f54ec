"""Asking others to sign: who they are, and the e-mailed address at which each of them can."""

import hashlib
import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from requests_app import conf
from requests_app.agreements.models import Agreement
from requests_app.agreements.outstanding import Outcome, is_complete, outcome
from requests_app.agreements.signatories import AgreementVoid, Invitation, Signatory
from requests_app.agreements.texts import current_text
from requests_app.agreements.wording import Wording, read_wording
from requests_app.audit import kinds, log
from requests_app.datasets.card import card_from
from requests_app.errors import Conflict, NotFound, Refused
from requests_app.identity.models import User
from requests_app.notifications import invitations
from requests_app.requests.cosigners import needs_authorised_signatory
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State

DAY: Final = timedelta(days=1)
REMIND_AFTER: Final = DAY
INVITED_PER_DAY: Final = 150
"""By one applicant: to sign, stop and sign again must not become a way to mail strangers."""
NOTHING_TO_AFFIRM: Final = (
    "This dataset wants a signature for your institution, and the text of the agreement does not "
    "say yet what is affirmed with it. Nothing was signed. Write to the dataset's maintainers."
)
Role = Signatory.Role


def asks_others(access_request: AccessRequest) -> bool:
    """Whether somebody besides the applicant must sign the agreement as the request is now."""
    wording = read_wording(current_text(access_request.dataset).body)
    named = bool(wording.member_affirmations) and access_request.named_people.exists()
    return named or needs_authorised_signatory(access_request)


def name_signatories(agreement: Agreement, wording: Wording) -> list[Signatory]:
    """Writes down who must sign a new agreement besides its applicant, and returns them.

    Those are the people named in the request, where the text has something for them to affirm, and
    the authorised signatory, where the dataset asks for one. Part of the verb that signs. Raises
    Conflict when the text has nothing for the authorised signatory to affirm.
    """
    access_request = agreement.access_request
    asked: list[tuple[str, str, str, str]] = []
    if wording.affirmations_of(Role.MEMBER):
        asked += [
            (Role.MEMBER, person.name, person.email, person.role)
            for person in access_request.named_people.all()
        ]
    if needs_authorised_signatory(access_request):
        if not wording.affirmations_of(Role.INSTITUTION):
            raise Conflict(NOTHING_TO_AFFIRM)
        it = access_request
        asked.append(
            (Role.INSTITUTION, it.signatory_name, it.signatory_email, it.signatory_position)
        )
    if asked:
        _require_few(agreement, len(asked))
    return [
        Signatory.objects.create(
            agreement=agreement, role=role, name=name, email=email, position=position, order=order
        )
        for order, (role, name, email, position) in enumerate(asked)
    ]


def _require_few(agreement: Agreement, more: int) -> None:
    sent = Invitation.objects.filter(
        signatory__agreement__signer=agreement.signer_id, created_at__gt=timezone.now() - DAY
    )
    if sent.count() + more > INVITED_PER_DAY:
        raise Refused(
            "Too many invitations were sent in your name within a day. Nothing was signed. Try "
            "again tomorrow."
        )


def invite(signatory: Signatory, *, reminder: bool = False) -> Invitation:
    """Sends a signatory a fresh address at which to sign; earlier ones stop opening.

    Part of a verb. Effects: the invitation, one entry, one message.
    """
    secret = secrets.token_urlsafe(32)
    now = timezone.now()
    invitation = Invitation.objects.create(
        signatory=signatory,
        secret_sha256=_digest(secret),
        created_at=now,
        expires_at=now + conf.invitation_term(),
    )
    log.record(
        kinds.SIGNATORY_INVITED,
        by=log.SYSTEM,
        on=signatory,
        agreement=signatory.agreement.number,
        role=signatory.role,
        expires_at=invitation.expires_at.isoformat(),
        reminder=reminder,
        email=signatory.email,
    )
    invitations.signing_invitation(
        **addressed_to(signatory),
        url=conf.base_url() + reverse("invited_sign", args=[secret]),
        expires_at=invitation.expires_at,
        reminder=reminder,
        anew=is_anew(signatory.agreement),
    )
    return invitation


@transaction.atomic
def remind(*, signatory_id: UUID | str, by: User) -> Invitation:
    """Sends the invitation again, with a fresh address; returns it.

    Raises NotFound for anybody but the applicant, Conflict when there is nothing to wait for any
    more, Refused when the last one is less than a day old.
    """
    signatory = lock_signatory(signatory_id, by)
    if outcome(signatory) is not Outcome.WAITING or is_over(signatory.agreement):
        raise Conflict(f"{signatory} is not asked any more, so there is nothing to remind of.")
    newest = signatory.invitations.first()
    if newest is not None and timezone.now() - newest.created_at < REMIND_AFTER:
        raise Refused(
            f"{signatory} got an invitation less than a day ago. Give them a day, then remind them."
        )
    return invite(signatory, reminder=True)


def open_invitation(token: str) -> Invitation:
    """Returns the invitation behind a token, whether it still opens or not; NotFound if none."""
    found = (
        Invitation.objects.select_related(
            "signatory__agreement__text",
            "signatory__agreement__access_request__dataset",
            "signatory__agreement__signer",
            "signatory__cosignature",
        )
        .filter(secret_sha256=_digest(token))
        .first()
    )
    if found is None:
        raise NotFound(
            "There is no such invitation. Copy the whole address from the e-mail, or ask whoever "
            "invited you to send it again."
        )
    return found


def lock_signatory(signatory_id: UUID | str, by: User) -> Signatory:
    """Returns a signatory of one's own request, which is locked; NotFound for anybody else's."""
    mine = Signatory.objects.filter(pk=signatory_id, agreement__access_request__applicant=by.pk)
    lock_request(mine.values("agreement__access_request"))
    found = mine.select_related("agreement__access_request__dataset", "agreement__text").first()
    if found is None or not by.is_active:
        raise NotFound("There is no such person under your requests.")
    return found


def lock_request(chosen: object) -> AccessRequest | None:
    """Locks the one request whose key `chosen` names: everything about signatures waits for it."""
    locked = AccessRequest.objects.select_for_update(of=("self",), no_key=True)
    return locked.filter(pk__in=chosen).first()  # type: ignore[misc]


def is_over(agreement: Agreement) -> bool:
    """Whether nobody is to sign the agreement any more: it is void, or all have signed."""
    void = AgreementVoid.objects.filter(agreement=agreement).exists()
    return void or is_complete(agreement)


def is_anew(agreement: Agreement) -> bool:
    """Whether this is a new version under a request that was approved before."""
    return agreement.access_request.state == State.APPROVED


def addressed_to(signatory: Signatory) -> invitations.Invited:
    """Returns what every message to a signatory says of them and of the request."""
    agreement = signatory.agreement
    return invitations.Invited(
        to=signatory.email,
        full_name=signatory.name,
        role=signatory.role,
        applicant_name=agreement.values["applicant_name"],
        institution=agreement.values["institution"],
        dataset_title=agreement.values["dataset_title"],
        research_title=agreement.values["research_title"],
        contact=card_from(agreement.access_request.dataset.card).contact.email,
        trail=agreement.audit_trail,
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
