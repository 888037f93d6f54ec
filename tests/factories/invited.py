"""Invited people as the pages meet them: asked through the front door, their mail read."""

import re
from typing import Any

from django.core import mail

from requests_app.agreements.cosigning import cosign, preview_for, refuse, send_code
from requests_app.agreements.inviting import invite
from requests_app.agreements.models import Agreement
from requests_app.agreements.signatories import Cosignature, Signatory
from requests_app.agreements.signing import sign
from requests_app.datasets.models import Dataset
from requests_app.notifications.models import Message
from requests_app.notifications.outbox import as_email
from requests_app.requests.models import AccessRequest
from tests.factories.agreements import TEXT, publish_text, ready_request, signature
from tests.factories.datasets import card_table
from tests.factories.requests import DatasetFactory, NamedPersonFactory

OTHERS = """
[[member_affirmations]]
key = "instructed"
text = "I was told how to treat gulls."

[[member_affirmations]]
key = "only_here"
text = "I look at gulls for this research only."

[[institution_affirmations]]
key = "may_bind"
text = "I may bind the institution."
"""


def text_for_all(line: str = "may look at") -> str:
    """A text version in which members and institutions have something to affirm."""
    _, front, body = TEXT.split("+++\n", 2)
    return f"+++\n{front}{OTHERS}+++\n{body}".replace("may look at", line)


def dataset_for_all(*, signatory: bool = False) -> Dataset:
    """A dataset whose text is signed by everybody named, and for the institution if asked."""
    dataset: Dataset = DatasetFactory()
    card = card_table(
        slug=dataset.slug, title=dataset.title, signing={"authorised_signatory": signatory}
    )
    dataset.card = card
    dataset.save(update_fields=["card"])
    publish_text(dataset, 1, text_for_all())
    return dataset


def request_naming(*names: str, signatory: bool = False, **fields: Any) -> AccessRequest:
    """A request that is ready to sign and names these people, and a signatory where asked."""
    if signatory:
        fields |= {
            "signatory_name": "Dean Larus",
            "signatory_position": "Dean",
            "signatory_email": "dean@pier.example",
        }
    access_request = ready_request(dataset=dataset_for_all(signatory=signatory), **fields)
    for name in names:
        NamedPersonFactory(access_request=access_request, name=name)
    return access_request


def inviting(*names: str, signatory: bool = False, **fields: Any) -> Agreement:
    """An agreement that its applicant has signed, and that these people have yet to."""
    return sign(**signature(request_naming(*names, signatory=signatory, **fields)))


def named(agreement: Agreement, name: str) -> Signatory:
    return agreement.signatories.get(name=name)


def member_of(agreement: Agreement, name: str = "Ada Larus") -> Signatory:
    """Somebody who signed an agreement besides its applicant, by hook or by crook."""
    signatory = Signatory.objects.create(
        agreement=agreement,
        role=Signatory.Role.MEMBER,
        name=name,
        email=f"member{agreement.signatories.count()}@pier.example",
        order=agreement.signatories.count(),
    )
    invite(signatory)
    Cosignature.objects.create(signatory=signatory, evidence={})
    return signatory


def token_of(signatory: Signatory) -> str:
    """The newest invitation's secret, as the e-mail brought it."""
    return _in_mail("signing_invitation", signatory, r"/sign/([^/\s]+)/")


def code_of(signatory: Signatory) -> str:
    """The newest code, as the e-mail brought it."""
    return _in_mail("signing_code", signatory, r"(?m)^\s+(\d{6})\s*$")


def has_signed(signatory: Signatory) -> Signatory:
    """The same person, after signing as their page does."""
    token, shown = token_of(signatory), preview_for(signatory)
    send_code(token=token)
    cosign(
        token=token,
        typed_name=signatory.name,
        affirmations=[each.key for each in shown.affirmations],
        consent_electronic=True,
        code=code_of(signatory),
        shown_sha256=shown.shown_sha256,
        locale="en-gb",
    )
    return signatory


def signed_by_all(*names: str, **fields: Any) -> Agreement:
    """An agreement that all have signed; its request is submitted."""
    agreement = inviting(*names, **fields)
    for signatory in agreement.signatories.all():
        has_signed(signatory)
    return agreement


def _in_mail(name: str, signatory: Signatory, pattern: str) -> str:
    letters = Message.objects.filter(name=name, recipient=signatory.email)
    letter = letters.order_by("-created_at", "-pk").first()
    assert letter is not None, f"no {name} to {signatory.email}"
    # Once it is delivered, its content is only in the mailbox.
    sent = {each.extra_headers["Message-ID"]: each for each in mail.outbox}
    email = (
        as_email(letter)
        if letter.payload
        else next(each for number, each in sent.items() if f"<{letter.pk}@" in number)
    )
    found = re.search(pattern, str(email.body))
    assert found
    return found[1]


def refuse_as(signatory: Signatory, reason: str = "No.") -> None:
    """Says no for an invited person, with the code from their mailbox."""
    token = token_of(signatory)
    send_code(token=token)
    refuse(token=token, reason=reason, code=code_of(signatory))
