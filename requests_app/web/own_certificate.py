"""Signing the agreement's PDF with a certificate of one's own: download, sign elsewhere, upload."""

from typing import Final

from allauth.core import ratelimit
from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header

from requests_app.agreements.outstanding import open_agreement
from requests_app.agreements.own_certificate import MOST_ADDED
from requests_app.agreements.own_signing import accept, issued_for
from requests_app.errors import Conflict, Invalid, NotFound
from requests_app.requests.models import AccessRequest
from requests_app.requests.opening import record_opened
from requests_app.requests.states import State
from requests_app.web.applicants import ApplicantRequest, own_request_page
from requests_app.web.request_forms import PointingForm, problems

RATE_LIMIT: Final = "own_certificate"
_SLOWER: Final = "Too many files. Wait a minute, then upload the signed one."


class SignedFileForm(PointingForm):
    """The document as its applicant signed it; what is in it, `agreements` judges."""

    signed = forms.FileField(
        label="The signed PDF",
        help_text="The file you downloaded here, with your signature in it.",
        widget=forms.FileInput(attrs={"accept": "application/pdf"}),
        error_messages={
            "required": "Choose the signed PDF.",
            "empty": "This file is empty. Choose the signed PDF.",
        },
    )


@own_request_page("GET", "HEAD", "POST")
def request_own_certificate(
    request: ApplicantRequest, access_request: AccessRequest
) -> HttpResponse:
    """Shows the three steps, and takes the signed document back."""
    agreement = open_agreement(access_request)
    if agreement is None or not hasattr(agreement, "own_certificate"):
        messages.info(request, "No document waits for your certificate.")
        return redirect("request_detail", access_request.pk)
    sent = request.method == "POST"
    form = SignedFileForm(request.POST, request.FILES) if sent else SignedFileForm()
    if sent and _accept(request, access_request, form):
        messages.success(request, _signed(access_request))
        return redirect("request_detail", access_request.pk)
    issued = issued_for(access_request)
    found = problems(form) if sent else []
    context = {
        "access_request": access_request,
        "agreement": agreement,
        "issued": issued,
        "form": form,
        "problems": found,
    }
    page = "web/requests/own_certificate.html"
    return render(request, page, context, status=400 if found else 200)


def waits_for_certificate(access_request: AccessRequest) -> bool:
    """Whether a signing under the request was begun that its applicant ends with a certificate."""
    return hasattr(open_agreement(access_request), "own_certificate")


@own_request_page("GET", "HEAD")
def request_issued(request: ApplicantRequest, access_request: AccessRequest) -> HttpResponse:
    """Sends the document that is to be signed."""
    issued = issued_for(access_request)
    if issued is None:
        raise NotFound("No document waits for your signature.")
    name = f"{issued.agreement.number}-to-sign.pdf"
    if request.method == "GET":
        record_opened(
            access_request=access_request, by=request.user, document=name, sha256=issued.sha256
        )
    return HttpResponse(
        bytes(issued.content),
        content_type="application/pdf",
        headers={
            "Content-Disposition": content_disposition_header(True, name) or "attachment",  # noqa: FBT003 - Django's signature
            "X-Content-Type-Options": "nosniff",
        },
    )


def _signed(access_request: AccessRequest) -> str:
    if access_request.state == State.APPROVED:
        return (
            "Signed. In a moment your grant stands on the new version, and the portal seals the "
            "document."
        )
    return "Signed and submitted. The portal now seals the document."


def _accept(request: ApplicantRequest, access_request: AccessRequest, form: SignedFileForm) -> bool:
    if not form.is_valid():
        return False
    if not ratelimit.consume(request, action=RATE_LIMIT, user=request.user):
        form.point_out({"signed": [_SLOWER]})
        return False
    issued = issued_for(access_request)
    upload = form.cleaned_data["signed"]
    # One that cannot be right is not even read.
    most = (issued.size if issued else 0) + MOST_ADDED + 1
    try:
        accept(access_request_id=access_request.pk, by=request.user, content=upload.read(most))
    except Invalid as error:
        form.point_out(error.fields or {"": [error.message]})
    except Conflict as error:
        form.point_out({"": [error.message]})
    else:
        return True
    return False
