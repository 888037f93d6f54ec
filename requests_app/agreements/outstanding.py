"""Who has yet to sign an agreement, and whether it is complete: derived, never stored."""

from enum import StrEnum

from django.db.models import Exists, OuterRef, QuerySet

from requests_app.agreements.models import Agreement
from requests_app.agreements.own_signatures import OwnCertificateChoice
from requests_app.agreements.signatories import AgreementVoid, Signatory, SignatoryExit
from requests_app.requests.models import AccessRequest

Exit = SignatoryExit.Kind


class Outcome(StrEnum):
    """What became of one signatory."""

    SIGNED = "signed"
    REMOVED = "removed"
    DECLINED = "declined"
    WAITING = "waiting"


def outcome(signatory: Signatory) -> Outcome:
    """Returns where one signatory stands; prefetched rows are used where there are any."""
    if hasattr(signatory, "cosignature"):
        return Outcome.SIGNED
    left = {each.kind for each in signatory.exits.all()}
    if Exit.REMOVED in left:
        return Outcome.REMOVED
    return Outcome.DECLINED if Exit.DECLINED in left else Outcome.WAITING


def signatories_of(agreement: Agreement) -> list[Signatory]:
    """Returns an agreement's signatories, with all that `outcome` reads. Three queries."""
    found = agreement.signatories.select_related("cosignature", "agreement")
    return list(found.prefetch_related("exits", "invitations"))


def blocks(signatory: Signatory) -> bool:
    """Whether the agreement waits for this one: somebody who declined is still to be removed."""
    return outcome(signatory) in {Outcome.WAITING, Outcome.DECLINED}


def is_complete(agreement: Agreement) -> bool:
    """Whether everybody who must sign has, and the agreement is not void.

    An applicant who chose to sign with a certificate of their own has not before the document came
    back.
    """
    if AgreementVoid.objects.filter(agreement=agreement).exists():
        return False
    own = OwnCertificateChoice.objects.filter(agreement=agreement)
    if own.filter(agreement__own_signature=None).exists():
        return False
    return not any(map(blocks, signatories_of(agreement)))


def complete(agreements: QuerySet[Agreement]) -> QuerySet[Agreement]:
    """The twin of `is_complete` as a query."""
    return all_others_signed(without_void(agreements)).filter(~Exists(_own_waiting()))


def all_others_signed(agreements: QuerySet[Agreement]) -> QuerySet[Agreement]:
    """Returns the agreements that nobody but their applicant has yet to sign."""
    return agreements.filter(~Exists(_blocking()))


def open_agreement(access_request: AccessRequest) -> Agreement | None:
    """Returns the agreement under a request whose signatures are being collected; None if none."""
    collecting = without_void(
        Agreement.objects.filter(Exists(_blocking()) | Exists(_own_waiting()))
    )
    found = collecting.filter(access_request=access_request).select_related("text", "signer")
    return found.order_by("-signed_at").first()


def without_void(agreements: QuerySet[Agreement]) -> QuerySet[Agreement]:
    """Returns the agreements whose signing was not stopped."""
    return agreements.filter(~Exists(AgreementVoid.objects.filter(agreement=OuterRef("pk"))))


def _own_waiting() -> QuerySet[OwnCertificateChoice]:
    return OwnCertificateChoice.objects.filter(
        agreement=OuterRef("pk"), agreement__own_signature=None
    )


def _blocking() -> QuerySet[Signatory]:
    removed = SignatoryExit.objects.filter(signatory=OuterRef("pk"), kind=Exit.REMOVED)
    unsigned = Signatory.objects.filter(agreement=OuterRef("pk"), cosignature=None)
    return unsigned.filter(~Exists(removed))
