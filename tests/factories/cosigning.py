"""Agreements that others must sign too, and the signatures of those who are invited."""

import re
from datetime import timedelta
from typing import Any

from django.utils import timezone

from requests_app.agreements.cosigning import cosign, preview_for, refuse, send_code
from requests_app.agreements.inviting import invite, name_signatories
from requests_app.agreements.models import Agreement
from requests_app.agreements.signatories import Signatory
from requests_app.agreements.signing import sign
from requests_app.agreements.wording import read_wording
from requests_app.distribution.models import Grant
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import as_email
from requests_app.requests.models import AccessRequest, NamedPerson
from requests_app.requests.states import State
from requests_app.requests.transitions import set_collecting
from tests.factories.agreements import TEXT, publish_text, ready_request, signature
from tests.factories.datasets import card_table
from tests.factories.reconsents import long_standing
from tests.factories.requests import DatasetFactory
from tests.factories.review import put
from tests.factories.review import sign as signed_by_applicant

OTHERS_AFFIRM = """
[[member_affirmations]]
key = "bound"
text = "I keep to all of it."

[[institution_affirmations]]
key = "authority"
text = "I may bind the pier."
"""
TEXT_FOR_ALL = TEXT.replace("\n+++\n", f"{OTHERS_AFFIRM}+++\n", 1)


def name_colleague(access_request: AccessRequest, name: str = "Bea Sterna") -> NamedPerson:
    """Names somebody who must sign too, under a text that has something for them to affirm."""
    dataset = access_request.dataset
    if not dataset.agreement_texts.filter(body=TEXT_FOR_ALL).exists():
        number = dataset.agreement_texts.count() + 1
        publish_text(dataset, number=number, body=TEXT_FOR_ALL)
    address = f"{name.split(maxsplit=1)[0].lower()}@harbour.example"
    return access_request.named_people.create(name=name, email=address, role="Student")


def ready_together(*names: str, signatory: bool = False, **fields: Any) -> AccessRequest:
    """A complete draft with named people, and an authorised signatory if asked for."""
    if signatory:
        card = card_table(signing={"authorised_signatory": True})
        fields["dataset"] = DatasetFactory(card=card)
        fields |= {
            "signatory_name": "Dean Skua",
            "signatory_position": "Dean",
            "signatory_email": "dean@pier.example",
        }
    access_request = ready_request(**fields)
    for name in names:
        name_colleague(access_request, name)
    if signatory and not names:
        publish_text(access_request.dataset, number=2, body=TEXT_FOR_ALL)
    return access_request


def collect(access_request: AccessRequest) -> Agreement:
    """Signs for the applicant, so that the others are asked; returns the agreement."""
    if access_request.state in {"draft", "returned"}:
        agreement = sign(**signature(access_request))
    else:
        state = access_request.state
        agreement = signed_by_applicant(access_request, rendered=False)
        put(access_request, state)
        for signatory in name_signatories(agreement, read_wording(agreement.text.body)):
            invite(signatory)
        set_collecting(access_request, timezone.now())
    access_request.refresh_from_db()
    return agreement


def token_of(signatory: Signatory) -> str:
    """The token in the invitation sent last."""
    sent = Message.objects.filter(name="signing_invitation", recipient=signatory.email)
    body = str(as_email(sent.order_by("created_at").last()).body)
    return re.search(r"/sign/([\w-]{43})/", body)[1]


def code_of(signatory: Signatory, token: str) -> str:
    """Has a code sent, and returns it from the mail."""
    send_code(token=token)
    sent = Message.objects.filter(name="signing_code", recipient=signatory.email)
    body = str(as_email(sent.order_by("created_at").last()).body)
    return re.search(r"\b(\d{6})\b", body)[1]


def cosignature(signatory: Signatory, **changes: Any) -> dict[str, Any]:
    """What the page of an invited person sends: arguments of `cosigning.cosign`."""
    shown = preview_for(signatory)
    token = changes.get("token") or token_of(signatory)
    arguments = {
        "token": token,
        "typed_name": signatory.name,
        "affirmations": [each.key for each in shown.affirmations],
        "consent_electronic": True,
        "shown_sha256": shown.shown_sha256,
        "locale": "en-gb",
    }
    if "code" not in changes:
        changes["code"] = code_of(signatory, token)
    return arguments | changes


def refuse_as(signatory: Signatory, reason: str = "No.") -> None:
    """Says no for an invited person, with the code from their mailbox."""
    token = token_of(signatory)
    refuse(token=token, reason=reason, code=code_of(signatory, token))


def signed_by_all(access_request: AccessRequest) -> Agreement:
    """An agreement that the applicant and everybody asked have signed."""
    agreement = collect(access_request)
    for signatory in agreement.signatories.all():
        cosign(**cosignature(signatory))
    access_request.refresh_from_db()
    return agreement


def grant_of_all(*names: str) -> Grant:
    """A running grant under an agreement that the applicant and the named people signed."""
    access_request = ready_together(*names)
    agreement = signed_by_all(access_request)
    put(access_request, State.APPROVED)
    now = timezone.now()
    grant = Grant.objects.create(
        access_request=access_request,
        agreement=agreement,
        applicant=access_request.applicant,
        dataset=access_request.dataset,
        starts_at=now - timedelta(minutes=1),
        ends_at=now + timedelta(days=365),
    )
    return long_standing(grant)
