"""The lab's countersignature: set once a grant stands on an agreement."""

from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from requests_app.agreements import documents
from requests_app.agreements.models import AgreementDocument
from requests_app.distribution.models import Grant, Reconsent
from requests_app.distribution.reconsents import stands_on
from requests_app.errors import NotFound


def waiting() -> QuerySet[Grant]:
    """Returns the grants whose binding agreement is sealed and not countersigned, oldest first.

    A grant that has ended meanwhile counts: its request was approved, and the copy is owed.
    """
    anew = Reconsent.objects.filter(grant=OuterRef("pk")).values("agreement")[:1]
    made = AgreementDocument.objects.filter(agreement=OuterRef("binding"))
    countersigned = made.filter(kind=AgreementDocument.Kind.COUNTERSIGNED)
    return (
        Grant.objects.alias(binding=Coalesce(Subquery(anew), F("agreement")))
        .filter(Exists(made), ~Exists(countersigned))
        .order_by("starts_at")
    )


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
    return documents.countersign_document(agreement_id=stands_on(grant).pk)
