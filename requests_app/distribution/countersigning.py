"""The lab's countersignature: set once a grant stands on an agreement."""

from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from requests_app.agreements import documents
from requests_app.agreements.models import AgreementDocument
from requests_app.distribution.models import Grant
from requests_app.errors import NotFound


def waiting() -> QuerySet[Grant]:
    """Returns the grants whose agreement is sealed and not countersigned yet, oldest first.

    A grant that has ended meanwhile counts: its request was approved, and the copy is owed.
    """
    made = AgreementDocument.objects.filter(agreement=OuterRef("agreement"))
    countersigned = made.filter(kind=AgreementDocument.Kind.COUNTERSIGNED)
    return Grant.objects.filter(Exists(made), ~Exists(countersigned)).order_by("starts_at")


def countersign(*, grant_id: UUID | str) -> AgreementDocument | None:
    """Countersigns the agreement that a grant stands on; returns the new document.

    None when there is nothing to do: it is countersigned already, or not sealed yet. Raises
    NotFound for an unknown grant, and what `documents.countersign_document` raises.
    """
    if not Grant.objects.filter(pk=grant_id).exists():
        raise NotFound("There is no such grant.")
    grant = waiting().filter(pk=grant_id).first()
    if grant is None:
        return None
    return documents.countersign_document(agreement_id=grant.agreement_id)
