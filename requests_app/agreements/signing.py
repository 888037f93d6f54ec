"""Signing: what turns an access request into a signed agreement and submits it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from requests_app import conf, queue
from requests_app.agreements.answers import Answers, digest, shown_digest
from requests_app.agreements.collecting import collect_answers
from requests_app.agreements.drawing import read_drawing
from requests_app.agreements.inviting import invite, name_signatories
from requests_app.agreements.models import Agreement, AgreementText
from requests_app.agreements.own_signing import choose
from requests_app.agreements.texts import current_text
from requests_app.agreements.witnessing import Signature, witness
from requests_app.agreements.wording import Wording, read_wording
from requests_app.datasets.models import Dataset
from requests_app.errors import Conflict, Invalid, Refused
from requests_app.identity import applicants
from requests_app.identity.models import User
from requests_app.identity.names import folded
from requests_app.identity.verdict import Verdict
from requests_app.requests import completeness, transitions
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import Verb


@dataclass(frozen=True, slots=True)
class _Signed:
    """What is put before the applicant: a text version and the answers that fill it in."""

    text: AgreementText
    wording: Wording
    answers: Answers


@transaction.atomic
def sign(
    *,
    access_request_id: UUID | str,
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
) -> Agreement:
    """Signs the agreement as it was shown and submits the request; returns the signed agreement.

    `affirmations` are keys of the text version; `text_id` and `shown_sha256` come from the
    `preview` that the page was made of; `reauthenticated_at` is aware, `method` a word or two
    ("password", "code"); `drawn` is a drawn signature as the page sends it, or empty. Raises
    NotFound, Refused or Conflict as `transitions.lock` does; Refused without a verified
    address, with a refused one, or when the login is not fresh; Conflict when the text or an
    answer is no longer what was shown; Invalid, with fields, when the request is incomplete or
    the signature is.

    Effects: the agreement with every answer and the evidence, the verdict on the address kept
    with the request, and one entry; when nobody else must sign, the request `submitted` and the
    rendering queued on commit; otherwise an invitation to everybody who must. All of it, or
    nothing.
    """
    access_request = transitions.lock(access_request_id, Verb.SIGN, by)
    # Also keeps a new text version, and the next agreement's number, out until this is committed.
    dataset = Dataset.objects.select_for_update(no_key=True).get(pk=access_request.dataset_id)
    verdict = require_verified(by)
    completeness.require_complete(access_request)
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
    _keep_verdict(access_request, agreement, verdict)
    alone = not (own_certificate or agreement.signatories.exists())
    verb = Verb.SIGN if alone else Verb.COLLECT
    transitions.move(access_request, verb=verb, by=by, **entry_details(agreement))
    return agreement


def put_signature(
    access_request: AccessRequest,
    dataset: Dataset,
    *,
    signature: Signature,
    text_id: int,
    shown_sha256: str,
) -> Agreement:
    """Keeps the applicant's signature under the text in force, filled with the request's answers.

    Part of a verb that has locked both rows and asked who signs. Raises Refused when the login is
    not fresh; Conflict when the text or an answer is no longer what was shown; Invalid, with
    fields, when something is missing. Effects: the agreement, and, when nobody else must sign, its
    rendering queued on commit; otherwise those who must, each with an invitation.
    """
    _require_fresh(signature.reauthenticated_at)
    text = current_text(dataset)
    signed = _Signed(text, read_wording(text.body), collect_answers(access_request))
    _require_shown(signed, text_id, shown_sha256)
    _require_whole(signature, signed)
    agreement = _keep(signature, signed, access_request, dataset)
    others = name_signatories(agreement, signed.wording)
    for signatory in others:
        invite(signatory)
    if signature.own_certificate:
        choose(agreement)
    elif not others:
        queue.enqueue("agreements.render_document", agreement_id=str(agreement.pk))
    return agreement


def entry_details(agreement: Agreement) -> dict[str, Any]:
    """Returns what an entry about a signature says of the agreement."""
    return {
        "agreement": agreement.number,
        "text_number": agreement.text.number,
        "text_sha256": agreement.text.sha256,
        "values_sha256": digest(agreement.values),
        "evidence_sha256": digest(agreement.evidence),
        "typed_name": agreement.evidence["typed_name"],
    }


def require_verified(by: User) -> Verdict:
    """Returns the verdict on the address as it is today; Refused when it is unverified or refused.

    It was judged at sign-up; lists and the operator's mind may have changed since.
    """
    if applicants.verified_email(by) is None:
        raise Refused("Please verify your e-mail address first, then sign.")
    verdict = applicants.verdict_on(by)
    if not verdict.accepted:
        raise Refused(verdict.reason)
    return verdict


def _require_fresh(reauthenticated_at: datetime) -> None:
    if abs(timezone.now() - reauthenticated_at) > conf.reauthentication_age():
        raise Refused(
            "It is too long since you confirmed who you are. Nothing was signed. Please enter your "
            "password or code again, then sign."
        )


def _require_shown(signed: _Signed, text_id: int, shown_sha256: str) -> None:
    shown = shown_digest(text_sha256=signed.text.sha256, answers=signed.answers)
    if (signed.text.pk, shown) != (text_id, shown_sha256):
        raise Conflict(
            "The agreement is no longer the one you were shown: its text or one of your answers "
            "has changed since. Nothing was signed. Please read it again and sign what is there."
        )


def _require_whole(signature: Signature, signed: _Signed) -> None:
    name = signed.answers["applicant_name"]
    wrong: dict[str, list[str]] = {}
    if folded(signature.typed_name) != folded(name):
        wrong["typed_name"] = [f"Please type your full name as it stands in the request: {name}."]
    if {affirmation.key for affirmation in signed.wording.affirmations} - signature.affirmations:
        wrong["affirmations"] = ["Please affirm every statement, or do not sign."]
    if not signature.consent_electronic:
        wrong["consent_electronic"] = ["To sign here, please agree to sign electronically."]
    if wrong:
        raise Invalid("Nothing was signed yet. Please see the notes beside the fields.", wrong)


def _keep(
    signature: Signature, signed: _Signed, access_request: AccessRequest, dataset: Dataset
) -> Agreement:
    now = timezone.now().replace(microsecond=0)
    number = _next_number(dataset, now.year)
    evidence = witness(
        signature,
        number=number,
        by=access_request.applicant,
        text=signed.text,
        wording=signed.wording,
        answers=signed.answers,
        country=str(access_request.country),
        now=now,
    )
    return Agreement.objects.create(
        number=number,
        access_request=access_request,
        text=signed.text,
        signer=access_request.applicant,
        signed_at=now,
        values=signed.answers,
        evidence=evidence.as_json(),
    )


def _next_number(dataset: Dataset, year: int) -> str:
    """Such as `CMED-DAA-2026-000001`. The caller holds the dataset's row, so nobody else counts."""
    prefix = f"{dataset.slug.upper()}-DAA-{year}-"
    taken = Agreement.objects.filter(number__startswith=prefix).order_by("-number")
    last = taken.values_list("number", flat=True).first()
    return f"{prefix}{int(last.removeprefix(prefix)) + 1 if last else 1:06d}"


def _keep_verdict(access_request: AccessRequest, agreement: Agreement, verdict: Verdict) -> None:
    access_request.email = agreement.values["email"]
    access_request.email_standing = verdict.standing.value
    access_request.email_reason = verdict.reason[:300]
    access_request.save(update_fields=["email", "email_standing", "email_reason"])
