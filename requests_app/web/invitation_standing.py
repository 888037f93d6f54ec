"""Where an invitation stands, in the words of the page that says so."""

from dataclasses import dataclass
from typing import Final

from requests_app.agreements.cosigning import obstacle
from requests_app.agreements.models import Agreement
from requests_app.agreements.outstanding import Outcome, is_complete, outcome
from requests_app.agreements.signatories import AgreementVoid, Invitation

GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Standing:
    """A page in three sentences, and the status that says the same to a program."""

    heading: str
    sentence: str
    next: str = ""
    status: int = 200


OPEN: Final = Standing("Read and sign", "The agreement waits for your signature.")
_HEADINGS: Final = {
    Outcome.SIGNED: "You have signed",
    Outcome.DECLINED: "You did not accept",
    Outcome.REMOVED: "You are not asked to sign any more",
}


def standing(invitation: Invitation) -> Standing:
    """Returns `OPEN` when the invitation can be signed at, or what to say in place of the form."""
    sentence = obstacle(invitation)
    if not sentence:
        return OPEN
    agreement = invitation.signatory.agreement
    found = outcome(invitation.signatory)
    if found is Outcome.SIGNED:
        return Standing(_HEADINGS[found], sentence, _after_signing(agreement))
    if found is Outcome.DECLINED:
        return Standing(_HEADINGS[found], sentence, "If that was a mistake, tell them.")
    heading = _HEADINGS.get(found, "This invitation does not open any more")
    return Standing(heading, sentence, "Nothing was signed in your name.", GONE)


def _after_signing(agreement: Agreement) -> str:
    if AgreementVoid.objects.filter(agreement=agreement).exists():
        return (
            "The signing ended before all had signed, so your signature has no effect. If it "
            "is wanted again, you get a new invitation."
        )
    if is_complete(agreement):
        return (
            f"Everybody has signed. Your copy of {agreement.number}, sealed, is sent to you by "
            "e-mail; you need to do nothing."
        )
    return "Others have yet to sign. When all have, your copy, sealed, is sent to you by e-mail."
