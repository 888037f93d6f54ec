"""A new version of the agreement: asking the holders of grants to sign it, and their signature."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from requests_app import queue
from requests_app.agreements.drawing import read_drawing
from requests_app.agreements.models import Agreement, AgreementText
from requests_app.agreements.outstanding import complete
from requests_app.agreements.signing import entry_details, put_signature, require_verified
from requests_app.agreements.witnessing import Signature
from requests_app.audit import kinds, log
from requests_app.datasets.models import Dataset
from requests_app.distribution.access import running_grants
from requests_app.distribution.grants import lock_grant
from requests_app.distribution.models import Grant, GrantState, Reconsent, ReconsentCampaign
from requests_app.distribution.reconsents import NOTICE, older_than, unmet_campaign
from requests_app.errors import Conflict, Invalid, NotFound, Refused
from requests_app.identity.models import User
from requests_app.requests import reasons, transitions
from requests_app.requests.cosigners import require_signatory
from requests_app.requests.models import AccessRequest
from requests_app.requests.permissions import approves_for
from requests_app.requests.states import State

NO_REASON = "Say what is new and why it must be signed: the holders read it."


def on_older_versions(text: AgreementText) -> list[Grant]:
    """Returns the running grants of the text's dataset that stand on an older version."""
    running = running_grants(timezone.now()).filter(dataset=text.dataset_id)
    older = older_than(running, text.number)
    return list(older.select_related("applicant", "dataset", "access_request").order_by("pk"))


def earliest_deadline() -> date:
    """Returns the first day that a campaign begun today may name."""
    return (timezone.now() + NOTICE).date()


@transaction.atomic
def start_campaign(*, text_id: int, by: User, last_day: date, reason: str) -> ReconsentCampaign:
    """Asks every holder of a grant under an older version to sign the text by `last_day`.

    The deadline is the end of that day, UTC. Raises NotFound; Refused unless `by` approves for the
    dataset; Conflict when a newer version is in force, when it is the first, or when holders are
    asked already; Invalid, with fields, without a reason or with less notice than `NOTICE`.
    Effects, all or none: the campaign, one entry, and a letter queued for each holder.
    """
    text = AgreementText.objects.select_related("dataset").filter(pk=text_id).first()
    if text is None:
        raise NotFound("There is no such agreement text.")
    if not approves_for(by, text.dataset):
        raise Refused("Only approvers of this dataset may ask its holders to sign anew.")
    # The row that signing and loading a text lock too: nobody moves the versions meanwhile.
    Dataset.objects.select_for_update(no_key=True).get(pk=text.dataset_id)
    if why_not := campaign_obstacle(text):
        raise Conflict(why_not)
    reason = reasons.clean(reason, required=NO_REASON)
    if last_day < earliest_deadline():
        sentence = f"Give them time: {earliest_deadline():%-d %B %Y} is the first day you may name."
        raise Invalid(sentence, {"last_day": [sentence]})
    deadline = datetime.combine(last_day, time(23, 59), UTC)
    campaign = ReconsentCampaign.objects.create(text=text, deadline=deadline, reason=reason, by=by)
    asked = on_older_versions(text)
    log.record(
        kinds.RECONSENT_STARTED,
        by=by,
        on=campaign,
        text=text.audit_ref,
        text_sha256=text.sha256,
        deadline=deadline.isoformat(),
        grants=len(asked),
        reason=reason,
    )
    for grant in asked:
        queue.enqueue("lifecycle.give_notice", grant_id=str(grant.pk))
    return campaign


def campaign_obstacle(text: AgreementText) -> str:
    """Returns why nobody can be asked to sign this version; empty when they can."""
    versions = AgreementText.objects.filter(dataset=text.dataset_id)
    if versions.filter(number__gt=text.number).exists():
        return "A newer version is in force: ask for that one."
    if not versions.filter(number__lt=text.number).exists():
        return "This is the first version, so no grant stands on an older one."
    if ReconsentCampaign.objects.filter(text=text).exists():
        return "The holders have been asked to sign this version already."
    return ""


@transaction.atomic
def sign_anew(
    *,
    grant_id: UUID | str,
    by: User,
    typed_name: str,
    affirmations: Collection[str],
    consent_electronic: bool,
    reauthenticated_at: datetime,
    method: str,
    text_id: int,
    shown_sha256: str,
    locale: str,
    drawn: str = "",
    own_certificate: bool = False,
    signatory: Mapping[str, str] | None = None,
) -> Agreement:
    """Signs the version in force for a grant; the request keeps its state, the grant its term.

    Arguments and refusals are those of `agreements.signing.sign`; besides, NotFound for anybody
    but the holder, and Conflict when the grant is over or nothing has to be signed. `signatory`
    names who signs for the institution where it is not whom the request names; Invalid, with
    fields, when somebody must and nobody can be asked. Effects, all
    or none: a further agreement of the request and one entry; when this is the last signature, the
    row that puts the grant on it (a suspension ends with it) and the rendering queued; otherwise
    invitations, or the document to be signed with the holder's own certificate, and `take_effect`
    follows the last signature.
    """
    mine = Grant.objects.filter(pk=grant_id, applicant=by.pk).values("access_request")
    # The request first, as withdrawing does, so that the two cannot wait for each other.
    locked = AccessRequest.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=mine)
    access_request = locked.select_related("applicant").first()
    if access_request is None or not by.is_active:
        raise NotFound("There is no such grant among yours.")
    grant = lock_grant(grant_id)
    dataset = Dataset.objects.select_for_update(no_key=True).get(pk=grant.dataset_id)
    if not may_sign_anew(grant):
        raise Conflict("There is nothing to sign for this grant now. Nothing was signed.")
    require_verified(by)
    require_signatory(access_request, signatory or {})
    agreement = put_signature(
        access_request,
        dataset,
        signature=Signature(
            typed_name=" ".join(typed_name.split()),
            affirmations=frozenset(affirmations),
            consent_electronic=consent_electronic,
            reauthenticated_at=reauthenticated_at,
            method=method,
            locale=locale,
            drawn=read_drawing(drawn),
            own_certificate=own_certificate,
        ),
        text_id=text_id,
        shown_sha256=shown_sha256,
    )
    if own_certificate or agreement.signatories.exists():
        transitions.set_collecting(access_request, agreement.signed_at)
    else:
        Reconsent.objects.create(grant=grant, agreement=agreement)
    details = entry_details(agreement) | {"grant": str(grant.pk)}
    log.record(kinds.AGREEMENT_SIGNED_ANEW, by=by, on=access_request, **details)
    return agreement


@transaction.atomic
def take_effect(*, agreement_id: UUID | str) -> Reconsent | None:
    """Puts a grant on the new version that by now all have signed; safe to run twice.

    Returns None when there is nothing to do, as when the grant ended meanwhile. Effects: the row, a
    suspension ends with it, and one entry.
    """
    request = Agreement.objects.filter(pk=agreement_id).values("access_request")
    AccessRequest.objects.select_for_update(of=("self",), no_key=True).filter(
        pk__in=request
    ).first()
    agreement = signed_and_waiting().filter(pk=agreement_id).select_related("text").first()
    if agreement is None:
        return None
    running = running_grants(timezone.now()).filter(access_request=agreement.access_request_id)
    grant = lock_grant(running.get().pk)
    reconsent = Reconsent.objects.create(grant=grant, agreement=agreement)
    number = agreement.text.number
    log.record(
        kinds.GRANT_MOVED, by=log.SYSTEM, on=grant, agreement=agreement.number, text_number=number
    )
    return reconsent


def signed_and_waiting() -> QuerySet[Agreement]:
    """The new versions that all have signed and that their grant does not stand on yet."""
    return complete(_anew().filter(access_request__grants__in=running_grants(timezone.now())))


def _anew() -> QuerySet[Agreement]:
    """The newer versions that a grant's holder has signed, and that no grant stands on."""
    first = F("access_request__grants__agreement__text__number")
    approved = Agreement.objects.filter(access_request__state=State.APPROVED)
    newer = approved.filter(text__number__gt=first)
    return newer.filter(grant=None, reconsent=None).distinct()


def may_sign_anew(grant: Grant) -> bool:
    """Whether the grant runs, suspended or not, and a campaign asks for a newer version.

    Not while one that the holder has signed waits for others, or for the holder's certificate.
    """
    signed = _anew().filter(access_request=grant.access_request_id, void=None)
    return (
        not signed.exists()
        and grant.state() is GrantState.ACTIVE
        and grant.access_request.state == State.APPROVED
        and unmet_campaign(grant) is not None
    )
