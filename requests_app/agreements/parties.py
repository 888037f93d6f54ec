"""Those who signed an agreement besides the applicant, as its document tells of them."""

from requests_app.agreements.evidence import Cosigned, Party
from requests_app.agreements.models import Agreement
from requests_app.agreements.outstanding import Outcome, outcome, signatories_of
from requests_app.agreements.signatories import Signatory, SignatoryExit


def parties_of(agreement: Agreement) -> tuple[Party, ...]:
    """Returns every signatory of a complete agreement, in the order of the request."""
    return tuple(_party(each) for each in signatories_of(agreement))


def signed_by(agreement: Agreement) -> list[Signatory]:
    """Returns the signatories who have signed."""
    return [each for each in signatories_of(agreement) if outcome(each) is Outcome.SIGNED]


def _party(signatory: Signatory) -> Party:
    found = outcome(signatory)
    if found is Outcome.SIGNED:
        evidence = Cosigned.from_json(signatory.cosignature.evidence)
        at = evidence.signed_at
    else:
        evidence = None
        removed = SignatoryExit.Kind.REMOVED
        at = next(each.at for each in signatory.exits.all() if each.kind == removed)
    return Party(
        name=signatory.name,
        role=signatory.role,
        email=signatory.email,
        position=signatory.position,
        outcome=found.value,
        at=at,
        evidence=evidence,
    )
