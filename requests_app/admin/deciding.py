"""The forms behind the buttons: each asks for a reason and calls one verb."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from requests_app.admin.forms import DecisionForm, RevokeForm
from requests_app.admin.request_page import BUTTONS, frame, standing_badge
from requests_app.admin.roles import person
from requests_app.distribution.models import Grant, GrantState
from requests_app.errors import Conflict, Invalid
from requests_app.lifecycle.revocation import revoke_grant
from requests_app.requests.models import AccessRequest
from requests_app.requests.permissions import may, may_decide
from requests_app.requests.policies import allows
from requests_app.requests.states import Verb
from requests_app.review import decisions
from requests_app.review.dossier import latest_agreement, visible
from requests_app.review.models import Decision

PAGE: Final = "admin:requests_app_accessrequest_change"


@dataclass(frozen=True, slots=True)
class Choice:
    """One button: its verb, and what its form says."""

    verb: Verb
    act: Callable[..., Decision]
    question: str
    effect: str
    submit: str
    done: str
    tone: str


CHOICES: Final = {
    BUTTONS[choice.verb]: choice
    for choice in (
        Choice(
            Verb.APPROVE,
            decisions.approve,
            "Approve this request?",
            "The applicant gets a grant, and a download link by e-mail.",
            "Approve",
            "Approved. The applicant is told, and the download link is on its way.",
            "good",
        ),
        Choice(
            Verb.RETURN,
            decisions.return_for_changes,
            "Return this request for changes?",
            "The applicant can change the answers and sign again; then it is back in the queue.",
            "Return for changes",
            "Returned for changes. The applicant is told what to change.",
            "warn",
        ),
        Choice(
            Verb.REJECT,
            decisions.reject,
            "Reject this request?",
            "This ends the request. The applicant may start a new one.",
            "Reject",
            "Rejected. The applicant is told why.",
            "bad",
        ),
    )
}


@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, object_id: UUID, verb: str) -> HttpResponse:
    """Asks for the reason (GET) and decides (POST); what was typed survives every refusal."""
    choice = CHOICES.get(verb)
    if choice is None:
        raise Http404
    access_request = visible(access_request_id=object_id, to=person(request))
    if not may(person(request), choice.verb, access_request):
        raise PermissionDenied
    if request.method != "POST":
        return _ask(request, access_request, choice)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _decide_form(request, access_request, choice, form, status=400)
    try:
        choice.act(
            access_request_id=object_id,
            agreement_id=form.cleaned_data["agreement"],
            by=person(request),
            reason=form.cleaned_data["reason"],
            private_note=form.cleaned_data["private_note"],
        )
    except Invalid as error:
        blame(form, error)
        return _decide_form(request, access_request, choice, form, status=400)
    except Conflict as conflict:
        return _decide_form(request, access_request, choice, form, 409, stopped=conflict.message)
    messages.success(request, choice.done)
    return redirect(PAGE, object_id)


def _ask(request: HttpRequest, access_request: AccessRequest, choice: Choice) -> HttpResponse:
    if not allows(access_request, choice.verb):
        state = access_request.get_state_display()
        messages.warning(request, f"The request is “{state}” now: there is nothing to decide.")
        return redirect(PAGE, access_request.pk)
    form = DecisionForm(initial={"agreement": latest_agreement(access_request).pk})
    return _decide_form(request, access_request, choice, form)


def _decide_form(  # noqa: PLR0917 - the parts of one page
    request: HttpRequest,
    access_request: AccessRequest,
    choice: Choice,
    form: forms.Form,
    status: int = 200,
    stopped: str = "",
) -> HttpResponse:
    access_request.refresh_from_db(fields=["state", "state_since"])
    agreement = latest_agreement(access_request)
    context = {
        **frame(request, access_request),
        "choice": choice,
        "form": form,
        "stopped": stopped,
        "agreement": agreement,
        "answers": agreement.values,
        "verdict": standing_badge(access_request.email_standing),
        # A second press may help only while the state allows it and the same agreement stands.
        "may_submit": allows(access_request, choice.verb)
        and str(form["agreement"].value()) == str(agreement.pk),
    }
    return TemplateResponse(request, "admin/access_request/decide.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, object_id: UUID, grant_id: UUID) -> HttpResponse:
    """Asks why (GET) and takes the grant back (POST). The grant must stand under the request."""
    access_request = visible(access_request_id=object_id, to=person(request))
    grant = access_request.grants.select_related("applicant").filter(pk=grant_id).first()
    if grant is None:
        raise Http404
    if not may_decide(person(request), access_request):
        raise PermissionDenied
    if request.method != "POST":
        return _revoke_form(request, access_request, grant, RevokeForm())
    form = RevokeForm(request.POST)
    form.is_valid()
    try:
        revoke_grant(
            access_request_id=object_id,
            grant_id=grant_id,
            by=person(request),
            reason=form.cleaned_data.get("reason", ""),
        )
    except Invalid as error:
        blame(form, error)
        return _revoke_form(request, access_request, grant, form, status=400)
    except Conflict as conflict:
        return _revoke_form(request, access_request, grant, form, 409, stopped=conflict.message)
    messages.success(
        request, "Revoked. Every download link has stopped working; the holder is told."
    )
    return redirect(PAGE, object_id)


def _revoke_form(  # noqa: PLR0917 - the parts of one page
    request: HttpRequest,
    access_request: AccessRequest,
    grant: Grant,
    form: forms.Form,
    status: int = 200,
    stopped: str = "",
) -> HttpResponse:
    grant.refresh_from_db()
    context = {
        **frame(request, access_request),
        "grant": grant,
        "form": form,
        "stopped": stopped,
        "may_submit": grant.state() is GrantState.ACTIVE,
    }
    return TemplateResponse(request, "admin/access_request/revoke.html", context, status=status)


def blame(form: forms.Form, error: Invalid) -> None:
    """Puts the sentences of a verb beside the fields they are about, above the form otherwise."""
    placed: dict[str | None, Any] = {
        name: sentences for name, sentences in error.fields.items() if name in form.fields
    }
    for name, sentences in (placed or {None: [error.message]}).items():
        for sentence in sentences:
            if sentence not in form.errors.get(name or "__all__", []):
                form.add_error(name, sentence)
