"""The applicant's requests: the list, starting one, where it stands, withdrawing it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.db.models import Max, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from requests_app.agreements.models import without_content
from requests_app.agreements.outstanding import Outcome, open_agreement
from requests_app.audit import reading
from requests_app.datasets.models import Dataset
from requests_app.distribution.models import Grant, GrantState
from requests_app.distribution.reconsents import due_at, unmet_campaign
from requests_app.errors import Conflict, Invalid, NotFound, Refused
from requests_app.lifecycle import withdrawing
from requests_app.lifecycle.leaving import members
from requests_app.requests import drafts
from requests_app.requests.completeness import missing
from requests_app.requests.models import AccessRequest
from requests_app.requests.policies import allows
from requests_app.requests.states import State, Verb
from requests_app.requests.visibility import own
from requests_app.review.models import Decision
from requests_app.web.applicants import ApplicantRequest, applicant_page, own_request_page
from requests_app.web.signer_list import Signer, signers, waited_for
from requests_app.web.timeline import timeline


@applicant_page("GET", "HEAD")
def request_list(request: ApplicantRequest) -> HttpResponse:
    """Shows one's own requests, the newest first."""
    access_requests = own(request.user).select_related("dataset")
    return render(request, "web/requests/list.html", {"access_requests": access_requests})


@applicant_page("GET", "HEAD", "POST")
def request_new(request: ApplicantRequest) -> HttpResponse:
    """Says what will be asked (GET) and starts a draft (POST). `?dataset=` names the dataset."""
    dataset = _dataset(request)
    if request.method == "POST":
        try:
            access_request = drafts.start(dataset=dataset, by=request.user)
        except Refused as error:
            messages.error(request, error.message)
            return redirect("request_list")
        return redirect("request_edit", access_request.pk)
    started = own(request.user).filter(dataset=dataset, state=State.DRAFT)
    return render(
        request,
        "web/requests/new.html",
        {"dataset": dataset, "drafts": started.order_by("-updated_at")},
    )


@own_request_page("GET", "HEAD")
def request_detail(request: ApplicantRequest, access_request: AccessRequest) -> HttpResponse:
    """Shows where the request stands, what comes next, and what happened so far."""
    grants = list(_grants(access_request))
    active = any(grant.state() is GrantState.ACTIVE for grant in grants)
    signing = open_agreement(access_request) if access_request.collecting_since else None
    rows = signers(signing) if signing else []
    agreements = access_request.agreements.defer("values", "evidence").select_related("void")
    context = {
        "access_request": access_request,
        "standing": _standing(access_request, rows, active=active),
        "agreements": agreements.prefetch_related(without_content()),
        "signing": signing,
        "signers": rows,
        "members": members(access_request) if active else [],
        "decision": _decision(access_request),
        "grants": grants,
        "to_sign": _to_sign(grants),
        "synthetic": active and access_request.dataset.releases.filter(is_synthetic=True).exists(),
        "story": timeline(access_request, page=reading.page_asked_for(request.GET.get("story"))),
        "may": {verb.value: allows(access_request, verb) for verb in Verb},
    }
    return render(request, "web/requests/detail.html", context)


@own_request_page("GET", "HEAD", "POST")
def request_withdraw(request: ApplicantRequest, access_request: AccessRequest) -> HttpResponse:
    """Asks whether to withdraw (GET) and withdraws (POST)."""
    context: dict[str, Any] = {"access_request": access_request}
    if request.method == "POST":
        reason = request.POST.get("reason", "")
        try:
            withdrawing.withdraw(
                access_request_id=access_request.pk, by=request.user, reason=reason
            )
        except Conflict as error:
            messages.error(request, error.message)
        except Invalid as error:
            context |= {"reason": reason, "reason_error": error.message}
            return render(request, "web/requests/withdraw.html", context, status=400)
        else:
            messages.success(request, "The request is withdrawn. Thank you for telling us.")
        return redirect("request_detail", access_request.pk)
    if not allows(access_request, Verb.WITHDRAW):
        messages.info(
            request,
            f"This request is “{access_request.get_state_display()}”: "
            "there is nothing left to withdraw.",
        )
        return redirect("request_detail", access_request.pk)
    return render(request, "web/requests/withdraw.html", context)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a request stands: the step of the way (1 to 4, None off the way) and what is next."""

    step: int | None
    next: str


_NEXT: Final[dict[State, Standing]] = {
    State.SUBMITTED: Standing(
        3,
        "A maintainer reads your request and answers with a reason, by e-mail and on this page. "
        "You need to do nothing until then.",
    ),
    State.RETURNED: Standing(
        1,
        "A maintainer asks you to change something. Read the reason, correct your answers, and "
        "sign again.",
    ),
    State.REJECTED: Standing(
        None,
        "This request is closed. If the reason can be answered, start a new request that does so.",
    ),
    State.WITHDRAWN: Standing(
        None, "This request is withdrawn. You may start a new one at any time."
    ),
}


OWN_CERTIFICATE: Final = (
    "What is left is your digital signature: download the document, sign it with your certificate, "
    "and upload it. That submits your request."
)


def _standing(access_request: AccessRequest, rows: list[Signer], *, active: bool) -> Standing:
    state = State(access_request.state)
    if access_request.collecting_since is not None and state is not State.APPROVED:
        return Standing(2, _of_collecting(rows) if waited_for(rows) else OWN_CERTIFICATE)
    if state is State.DRAFT:
        return _standing_of_draft(len(missing(access_request)))
    if state is State.APPROVED:
        sentence = (
            "Your download link is sent by e-mail. If it has expired or got lost, press “New link” "
            "on this page."
            if active
            else "Your grant has ended, so nothing can be downloaded any more. To go on working "
            "with the dataset, start a new request."
        )
        return Standing(4, sentence)
    return _NEXT[state]


def _of_collecting(rows: list[Signer]) -> str:
    if any(row.outcome is Outcome.DECLINED for row in rows):
        return (
            "Somebody whom you invited does not sign, so your request cannot be submitted like "
            "this. Go on without them, or stop and change your answers."
        )
    left = waited_for(rows)
    who = "one more person has" if left == 1 else f"{left} more people have"
    return (
        f"You have signed; {who} yet to sign. With the last signature your request is submitted, "
        "and a maintainer reads it."
    )


def _standing_of_draft(gaps: int) -> Standing:
    if not gaps:
        return Standing(
            2, "Everything is filled in. Read the agreement and sign it: that submits your request."
        )
    answers = "one answer is" if gaps == 1 else f"{gaps} answers are"
    return Standing(1, f"Fill in the request, then sign it: {answers} still missing.")


def _decision(access_request: AccessRequest) -> Decision | None:
    """The decision that put the request where it is; earlier ones are in the timeline."""
    if access_request.state not in {State.APPROVED, State.RETURNED, State.REJECTED}:
        return None
    decisions = access_request.decisions.select_related("agreement")
    return decisions.defer("private_note", "agreement__values", "agreement__evidence").first()


@dataclass(frozen=True, slots=True)
class ToSign:
    """A new version waits to be signed, by the holder or by others, at the latest at `by`."""

    grant: Grant
    by: datetime

    @property
    def suspended(self) -> bool:
        return self.by <= timezone.now()


def _to_sign(grants: list[Grant]) -> ToSign | None:
    grant = next((each for each in grants if each.state() is GrantState.ACTIVE), None)
    campaign = unmet_campaign(grant) if grant else None
    return ToSign(grant, due_at(campaign, grant)) if grant and campaign else None


def _grants(access_request: AccessRequest) -> QuerySet[Grant]:
    open_links = Q(links__revoked_at__isnull=True)
    return access_request.grants.annotate(
        link_expires_at=Max("links__expires_at", filter=open_links)
    ).order_by("-starts_at")


def _dataset(request: ApplicantRequest) -> Dataset:
    slug = (request.POST.get("dataset") or request.GET.get("dataset") or "").replace("\0", "?")
    offered = Dataset.objects.order_by("pk")
    dataset = (offered.filter(slug=slug) if slug else offered).first()
    if dataset is None:
        raise NotFound("There is no such dataset here to request.")
    return dataset
