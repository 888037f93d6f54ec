"""The lab's countersignature: set once a grant stands on an agreement."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from requests_app.agreements import retrying
from requests_app.agreements.failures import Kind, paused
from requests_app.agreements.models import Agreement, AgreementDocument
from requests_app.distribution.models import Grant
from requests_app.errors import NotFound


def waiting() -> QuerySet[Grant]:
    """Returns the grants with an agreement that is sealed and not countersigned, oldest first.

    Every agreement that a grant stands on or ever stood on counts, and a grant that has ended
    meanwhile as well: its request was approved, and the copy is owed. Not those whose
    countersignature failed and pauses (`retrying`).
    """
    first = _owed().filter(grant=OuterRef("pk"))
    anew = _owed().filter(reconsent__grant=OuterRef("pk"))
    return Grant.objects.filter(Exists(first) | Exists(anew)).order_by("starts_at")


def _owed() -> QuerySet[Agreement]:
    made = AgreementDocument.objects.filter(agreement=OuterRef("pk"))
    countersigned = made.filter(kind=AgreementDocument.Kind.COUNTERSIGNED)
    pausing = paused(Kind.COUNTERSIGNED).filter(agreement=OuterRef("pk"))
    return Agreement.objects.filter(Exists(made), ~Exists(countersigned), ~Exists(pausing))


def countersign(*, grant_id: UUID | str) -> AgreementDocument | None:
    """Countersigns every agreement that a grant stands or stood on; returns the newest document.

    None when there is nothing to do: it is countersigned already, or not sealed yet; also when it
    could not be countersigned now, which is tried again. Raises NotFound for an unknown grant.
    """
    if not Grant.objects.filter(pk=grant_id).exists():
        raise NotFound("There is no such grant.")
    owed = _owed().filter(Q(grant=grant_id) | Q(reconsent__grant=grant_id))
    made = None
    for agreement in owed.order_by("text__number", "signed_at"):
        made = retrying.try_to_countersign(agreement_id=agreement.pk) or made
    return made
