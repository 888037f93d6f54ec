"""The evidence shown to whoever reviews a request: all of it, as it was signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef

from requests_app.agreements.failures import failing
from requests_app.agreements.models import Agreement, AgreementDocument, FailedDocument
from requests_app.agreements.outstanding import complete
from requests_app.distribution.models import Grant
from requests_app.errors import NotFound
from requests_app.identity.models import User
from requests_app.identity.panel import judge_all
from requests_app.identity.verdict import Verdict
from requests_app.requests.models import AccessRequest, EthicsDocument
from requests_app.requests.visibility import for_review
from requests_app.review.models import Decision


@dataclass(frozen=True, slots=True)
class Colleague:
    """A named person as signed, and what their address is worth today."""

    name: str
    email: str
    role: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Dossier:
    """One request as its maintainers read it.

    `answers` and `people` come from the signed agreement, not from the request's row: a returned
    request is being edited, and what is not signed is nobody else's business yet.
    """

    access_request: AccessRequest
    agreement: Agreement
    answers: Mapping[str, Any]
    document: AgreementDocument | None
    failures: list[FailedDocument]
    ethics_document: EthicsDocument | None
    people: list[Colleague]
    earlier_agreements: list[Agreement]
    decisions: list[Decision]
    grants: list[Grant]
    others: list[AccessRequest]
    verdict_now: Verdict

    @property
    def verdict_changed(self) -> bool:
        """Whether the address would be judged differently today."""
        return self.verdict_now.standing != self.access_request.email_standing

    @property
    def email_changed(self) -> bool:
        """Whether the applicant has moved to another address since signing."""
        return self.access_request.applicant.email != self.access_request.email


def visible(*, access_request_id: object, to: User) -> AccessRequest:
    """Returns the request if `to` may review or audit it; NotFound otherwise."""
    found = (
        for_review(to)
        .select_related("applicant", "dataset")
        .filter(pk=str(access_request_id))
        .first()
    )
    if found is None:
        raise NotFound("There is no such request among those you may review.")
    return found


def latest_agreement(access_request: AccessRequest) -> Agreement:
    """Returns the agreement that all signed last; NotFound where there never was one."""
    signed = complete(access_request.agreements.select_related("text"))
    found = signed.order_by("-signed_at").first()
    if found is None:
        raise NotFound("This request has not been signed.")
    return found


def signed_ethics_document(agreement: Agreement) -> EthicsDocument | None:
    """Returns the approval that was signed for, without its bytes.

    The agreement names it by digest; an approval uploaded later, or dropped before signing, is
    not evidence for this agreement.
    """
    said = _ethics_said(agreement)
    uploads = agreement.access_request.ethics_documents.defer("content").order_by("-pk")
    return next((upload for upload in uploads if upload.sha256 in said), None)


def openable_ethics_document(access_request: AccessRequest, document_id: int) -> EthicsDocument:
    """Returns an approval that some agreement of the request was signed for; NotFound otherwise."""
    found = access_request.ethics_documents.filter(pk=document_id).first()
    signed = access_request.agreements.all()
    if found is None or not any(found.sha256 in _ethics_said(each) for each in signed):
        raise NotFound("There is no such document under this request.")
    return found


def _ethics_said(agreement: Agreement) -> str:
    return str(agreement.values.get("ethics", ""))


def dossier(access_request: AccessRequest, *, reader: User) -> Dossier:
    """Gathers everything about a request that `visible` returned. A fixed number of queries."""
    agreement = latest_agreement(access_request)
    earlier = complete(access_request.agreements.exclude(pk=agreement.pk)).order_by("-signed_at")
    rendered = Exists(AgreementDocument.objects.filter(agreement=OuterRef("pk")))
    others = for_review(reader).filter(applicant=access_request.applicant_id)
    named = agreement.values.get("named_people", [])
    own, *theirs = judge_all([access_request.email, *(row.get("email", "") for row in named)])
    return Dossier(
        access_request=access_request,
        agreement=agreement,
        answers=agreement.values,
        document=agreement.document,
        failures=list(failing().filter(agreement=agreement)),
        ethics_document=signed_ethics_document(agreement),
        people=_people(named, theirs),
        earlier_agreements=list(earlier.annotate(is_rendered=rendered)),
        decisions=list(access_request.decisions.select_related("by", "agreement")),
        grants=list(access_request.grants.prefetch_related("links")),
        others=list(others.exclude(pk=access_request.pk).select_related("dataset")),
        verdict_now=own,
    )


def _people(named: list[dict[str, str]], verdicts: list[Verdict]) -> list[Colleague]:
    return [
        Colleague(row.get("name", ""), row.get("email", ""), row.get("role", ""), verdict)
        for row, verdict in zip(named, verdicts, strict=True)
    ]
