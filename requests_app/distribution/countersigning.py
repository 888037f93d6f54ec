"""The lab's countersignature: set once a grant stands on an agreement."""

from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from requests_app.agreements import retrying
from requests_app.agreements.failures import Kind, paused
from requests_app.agreements.models import AgreementDocument
from requests_app.distribution.models import Grant, Reconsent
from requests_app.distribution.reconsents import stands_on
from requests_app.errors import NotFound


def waiting() -> QuerySet[Grant]:
    """Returns the grants whose binding agreement is sealed and not countersigned, oldest first.

    A grant that has ended meanwhile counts: its request was approved, and the copy is owed. Not
    those whose countersignature failed and pauses (`retrying`).
    """
    pausing = paused(Kind.COUNTERSIGNED).filter(agreement=OuterRef("binding"))
    return _owed().filter(~Exists(pausing))


def _owed() -> QuerySet[Grant]:
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

    None when there is nothing to do: it is countersigned already, or not sealed yet; also when it
    could not be countersigned now, which is tried again. Raises NotFound for an unknown grant.
    """
    if not Grant.objects.filter(pk=grant_id).exists():
        raise NotFound("There is no such grant.")
    grant = _owed().filter(pk=grant_id).first()
    if grant is None:
        return None
    return retrying.try_to_countersign(agreement_id=stands_on(grant).pk)
