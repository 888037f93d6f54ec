"""Which documents cannot be made, and which of them are not to be tried yet."""

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from requests_app.agreements.models import AgreementDocument, FailedDocument
from requests_app.agreements.own_signatures import IssuedDocument
from requests_app.agreements.signatories import AgreementVoid

Kind = FailedDocument.Kind


def paused(kind: Kind) -> QuerySet[FailedDocument]:
    """Returns the failures of this kind whose pause is not over; the sweep leaves them alone."""
    return FailedDocument.objects.filter(kind=kind, not_before__gt=timezone.now())


def failing() -> QuerySet[FailedDocument]:
    """Returns the documents that are wanted and could not be made so far, the most tried first.

    Not those of a signing that was stopped.
    """
    made = AgreementDocument.objects.filter(agreement=OuterRef("agreement"), kind=OuterRef("kind"))
    issued = IssuedDocument.objects.filter(agreement=OuterRef("agreement"))
    void = AgreementVoid.objects.filter(agreement=OuterRef("agreement"))
    return (
        FailedDocument.objects.filter(~Exists(made), ~Exists(void))
        .exclude(Q(Exists(issued), kind=Kind.ISSUED))
        .select_related("agreement")
        .order_by(F("attempts").desc(), "agreement__signed_at", "pk")
    )
