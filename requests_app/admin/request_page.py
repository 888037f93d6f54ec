"""One request on one page: everything needed to decide it, and nothing that changes it."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from requests_app.admin.filters import STANDINGS
from requests_app.admin.roles import person, roles
from requests_app.admin.signers import signers
from requests_app.admin.site import site
from requests_app.admin.timeline import timeline
from requests_app.admin.tones import GRANT_TONES, STANDING_TONES, STATE_TONES
from requests_app.audit import reading
from requests_app.distribution import verdicts
from requests_app.distribution.access import standing
from requests_app.distribution.models import GrantState
from requests_app.identity.models import User
from requests_app.identity.verdict import Standing, Verdict
from requests_app.requests.models import AccessRequest
from requests_app.requests.permissions import AUDITORS, may, may_decide
from requests_app.requests.policies import allows
from requests_app.requests.states import State, Verb
from requests_app.review.dossier import dossier, visible
from requests_app.review.models import DECISIONS

BUTTONS = {Verb.APPROVE: "approve", Verb.RETURN: "return", Verb.REJECT: "reject"}


@require_safe
def page(request: HttpRequest, object_id: UUID) -> HttpResponse:
    """Everything about one request. 404 for a request the person may not review."""
    reader = person(request)
    access_request = visible(access_request_id=object_id, to=reader)
    found = dossier(access_request, reader=reader)
    decides = may_decide(reader, access_request)
    context = {
        **frame(request, access_request),
        "dossier": found,
        "agreement": found.agreement,
        "answers": found.answers,
        "verdict": standing_badge(access_request.email_standing),
        "verdict_now": verdict_badge(found.verdict_now),
        "people": [(row, verdict_badge(row.verdict)) for row in found.people],
        "doubtful": sum(row.verdict.standing is not Standing.INSTITUTION for row in found.people),
        "signers": signers(access_request, found.agreement, may_remove=decides),
        "grants": [_grant(grant) for grant in found.grants],
        "others": [(other, STATE_TONES[other.state]) for other in found.others],
        "story": timeline(access_request, page=reading.page_asked_for(request.GET.get("story"))),
        "verbs": verbs(reader, access_request),
        "why_no_buttons": "" if decides else _why_no_buttons(request, access_request),
        "may_revoke": decides,
        "answers_differ": access_request.state in {State.RETURNED, State.WITHDRAWN},
    }
    return TemplateResponse(request, "admin/access_request/page.html", context)


def frame(request: HttpRequest, access_request: AccessRequest) -> dict[str, Any]:
    """Returns what the page and the forms about one request share."""
    return {
        **site.each_context(request),
        "title": str(access_request),
        "access_request": access_request,
        "state_tone": STATE_TONES[access_request.state],
        "opts": AccessRequest._meta,  # noqa: SLF001 - the admin's templates call it so
    }


def verbs(reader: User, access_request: AccessRequest) -> list[tuple[str, str, str]]:
    """Returns the decisions that this person may take now: name, label, URL of the form."""
    return [
        (
            BUTTONS[verb],
            str(verb.label),
            reverse(f"admin:requests_app_accessrequest_{BUTTONS[verb]}", args=[access_request.pk]),
        )
        for verb in DECISIONS
        if allows(access_request, verb) and may(reader, verb, access_request)
    ]


def standing_badge(standing: str) -> tuple[str, str]:
    """Returns label and tone of a verdict's standing."""
    known = Standing(standing or Standing.UNKNOWN)
    return STANDINGS[known], STANDING_TONES[known]


def verdict_badge(verdict: Verdict) -> tuple[str, str, str]:
    """Returns label, tone and reason of a verdict."""
    return (*standing_badge(verdict.standing), verdict.reason)


def _grant(grant: Any) -> dict[str, Any]:
    now = timezone.now()
    state = grant.state(now)
    suspended = standing(grant, now) is verdicts.Verdict.GRANT_SUSPENDED
    return {
        "grant": grant,
        "state": "suspended" if suspended else state.value,
        "tone": "bad" if suspended else GRANT_TONES[state],
        "active": state is GrantState.ACTIVE,
        "links": [link for link in grant.links.all() if link.is_open(now)],
    }


def _why_no_buttons(request: HttpRequest, access_request: AccessRequest) -> str:
    """Says to somebody who reads the page why it is not theirs to decide."""
    if access_request.applicant_id == person(request).pk:
        return "This is your own request, so somebody else must decide it."
    if AUDITORS in roles(request):
        return "You read this as an auditor; members of Approvers who maintain the dataset decide."
    return "Members of Approvers who maintain this dataset decide; you can read everything."
