"""What an applicant does about those who sign with them: remind, remove, stop."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from requests_app.agreements import gathering, inviting
from requests_app.agreements.outstanding import open_agreement
from requests_app.agreements.signatories import Signatory
from requests_app.errors import Conflict, Invalid, NotFound, Refused
from requests_app.lifecycle.leaving import members, remove_member
from requests_app.requests.models import AccessRequest
from requests_app.requests.reasons import LONGEST
from requests_app.web.applicants import ApplicantRequest, own_request_page
from requests_app.web.request_forms import PointingForm, problems
from requests_app.web.signer_list import signers


class RemovingForm(PointingForm):
    """Why somebody is removed; whether it is enough, the verbs decide."""

    reason = forms.CharField(
        label="Reason",
        required=False,
        strip=False,
        help_text="The agreement and the record keep it; the maintainers may read it.",
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": LONGEST}),
    )


@own_request_page("POST")
def remind(
    request: ApplicantRequest, access_request: AccessRequest, signatory_id: UUID
) -> HttpResponse:
    """Sends the invitation again."""
    signatory = _signatory(access_request, signatory_id)
    try:
        inviting.remind(signatory_id=signatory.pk, by=request.user)
    except (Conflict, Refused) as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"A reminder with a new link is on its way to {signatory.email}.")
    return redirect("request_detail", access_request.pk)


@own_request_page("GET", "HEAD", "POST")
def remove(
    request: ApplicantRequest, access_request: AccessRequest, signatory_id: UUID
) -> HttpResponse:
    """Takes somebody who has yet to sign out of the agreement."""
    agreement = open_agreement(access_request)
    waited = {
        row.signatory.pk for row in (signers(agreement) if agreement else []) if row.may_remove
    }
    return _remove(
        request,
        access_request,
        _signatory(access_request, signatory_id),
        verb=gathering.remove,
        possible=signatory_id in waited,
        template="web/requests/remove_signer.html",
    )


@own_request_page("GET", "HEAD", "POST")
def leave(
    request: ApplicantRequest, access_request: AccessRequest, signatory_id: UUID
) -> HttpResponse:
    """Takes a member out of the running grant."""
    return _remove(
        request,
        access_request,
        _signatory(access_request, signatory_id),
        verb=remove_member,
        possible=any(each.pk == signatory_id for each in members(access_request)),
        template="web/requests/remove_member.html",
    )


@own_request_page("GET", "HEAD", "POST")
def stop(request: ApplicantRequest, access_request: AccessRequest) -> HttpResponse:
    """Asks (GET) and stops collecting signatures (POST); then the answers may be changed."""
    agreement = open_agreement(access_request)
    if agreement is None:
        messages.info(request, "Nobody is asked to sign now, so there is nothing to stop.")
        return redirect("request_detail", access_request.pk)
    if request.method != "POST":
        context = {"access_request": access_request, "signers": signers(agreement)}
        return render(request, "web/requests/stop.html", context)
    try:
        gathering.stop_collecting(access_request_id=access_request.pk, by=request.user)
    except Conflict as error:
        messages.error(request, error.message)
        return redirect("request_detail", access_request.pk)
    messages.success(request, "Stopped. Whoever was invited is told, and nothing was submitted.")
    return redirect("request_detail", access_request.pk)


def _signatory(access_request: AccessRequest, signatory_id: UUID) -> Signatory:
    mine = Signatory.objects.filter(agreement__access_request=access_request)
    found = mine.filter(pk=signatory_id).first()
    if found is None:
        raise NotFound("There is no such person under this request.")
    return found


def _remove(
    request: ApplicantRequest,
    access_request: AccessRequest,
    signatory: Signatory,
    *,
    verb: Callable[..., Any],
    possible: bool,
    template: str,
) -> HttpResponse:
    if not possible:
        messages.info(request, f"{signatory} cannot be removed now; nothing was changed.")
        return redirect("request_detail", access_request.pk)
    form = RemovingForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            verb(signatory_id=signatory.pk, by=request.user, reason=form.cleaned_data["reason"])
        except Invalid as error:
            form.point_out(error.fields or {"": [error.message]})
        except Conflict as error:
            form.point_out({"": [error.message]})
        else:
            messages.success(request, f"{signatory} was removed.")
            return redirect("request_detail", access_request.pk)
    found = problems(form) if form.is_bound else []
    context = {
        "access_request": access_request,
        "signatory": signatory,
        "form": form,
        "problems": found,
    }
    return render(request, template, context, status=400 if found else 200)
