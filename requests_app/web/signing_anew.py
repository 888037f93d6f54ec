"""The page where the holder of a grant signs a new version of the agreement."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from requests_app.agreements.differences import compare, runs
from requests_app.agreements.models import Agreement
from requests_app.agreements.preview import Preview, preview
from requests_app.agreements.texts import current_text
from requests_app.distribution.models import Grant
from requests_app.distribution.reconsents import due_at, is_suspended, stands_on, unmet_campaign
from requests_app.errors import Conflict, Invalid, Refused
from requests_app.lifecycle.reconsent import may_sign_anew, sign_anew
from requests_app.requests.cosigners import needs_authorised_signatory
from requests_app.requests.models import AccessRequest
from requests_app.web.applicants import ApplicantRequest, own_request_page
from requests_app.web.own_certificate import waits_for_certificate
from requests_app.web.request_forms import SIGNATORY, problems, signatory_fields
from requests_app.web.signing import CHANGED, ApplicantForm, refuse_unproven


class AnewForm(ApplicantForm):
    """The same, and who signs for the institution: it may be another person by now."""

    signatory_name, signatory_position, signatory_email = signatory_fields()
    field_order = ("text_id", "shown_sha256", "affirmations", *SIGNATORY)  # as on the page

    def __init__(self, *args: Any, access_request: AccessRequest, **kwargs: Any) -> None:
        super().__init__(*args, legal_name=access_request.legal_name, **kwargs)
        for name in SIGNATORY:
            if needs_authorised_signatory(access_request):
                self.initial[name] = getattr(access_request, name)
            else:
                del self.fields[name]

    def signature(self) -> dict[str, Any]:
        """Returns what was given, as `sign_anew` takes it."""
        named = {name: self.cleaned_data[name] for name in SIGNATORY if name in self.fields}
        return {**super().signature(), "signatory": named}


@own_request_page("GET", "HEAD", "POST")
def request_sign_anew(request: ApplicantRequest, access_request: AccessRequest) -> HttpResponse:
    """Shows the new version, filled in with the answers of the approved request, and signs it.

    Whoever has begun to sign it with a certificate of their own is led to where that goes on.
    """
    grant = waiting_grant(access_request.grants.select_related("agreement__text"))
    if grant is None:
        if waits_for_certificate(access_request):
            return redirect("request_own_certificate", access_request.pk)
        messages.info(request, "There is no new version to sign for this request.")
        return redirect("request_detail", access_request.pk)
    shown = preview(access_request)
    if request.method != "POST":
        fresh = AnewForm(shown=shown, access_request=access_request)
        return _page(request, grant, shown, fresh)
    form = AnewForm(request.POST, shown=shown, access_request=access_request)
    if not form.is_about(shown):
        fresh = AnewForm(shown=shown, access_request=access_request)
        return _page(request, grant, shown, fresh, status=409, notice=CHANGED)
    if status := refuse_unproven(request, form):
        return _page(request, grant, shown, form, status=status)
    return _sign(request, grant, shown, form)


@own_request_page("GET", "HEAD")
def request_changes(request: ApplicantRequest, access_request: AccessRequest) -> HttpResponse:
    """Shows what changed from the version that the grant stands on to the one to be signed."""
    grant = waiting_grant(access_request.grants.select_related("agreement__text"))
    if grant is None:
        messages.info(request, "There is no new version to sign for this request.")
        return redirect("request_detail", access_request.pk)
    old, new = stands_on(grant).text, current_text(access_request.dataset)
    context = {
        "access_request": access_request,
        "old": old,
        "new": new,
        "passages": runs(compare(old.body, new.body)),
    }
    return render(request, "web/requests/changes.html", context)


def waiting_grant(grants: Iterable[Grant]) -> Grant | None:
    """Returns the grant of one's own for which a new version is to be signed; None if none."""
    return next((grant for grant in grants if may_sign_anew(grant)), None)


def _sign(request: ApplicantRequest, grant: Grant, shown: Preview, form: AnewForm) -> HttpResponse:
    try:
        agreement = sign_anew(grant_id=grant.pk, by=request.user, **form.signature())
    except Invalid as error:
        form.point_out(error.fields or {"": [error.message]})
        return _page(request, grant, shown, form, status=400)
    except Refused as error:
        return _page(request, grant, shown, form, status=403, notice=error.message)
    except Conflict as error:
        messages.error(request, error.message)
    else:
        if hasattr(agreement, "own_certificate"):
            return redirect("request_own_certificate", grant.access_request_id)
        messages.success(request, _signed(agreement, request.user.email))
    return redirect("request_detail", grant.access_request_id)


def _signed(agreement: Agreement, email: str) -> str:
    if agreement.signatories.exists():
        return (
            "Signed. Your grant stands on the new version as soon as all have signed; an "
            "invitation is on its way to everybody who must."
        )
    return (
        "Signed. Your grant stands on the new version, and a copy of the agreement will be sent "
        f"to {email}."
    )


def _page(
    request: ApplicantRequest,
    grant: Grant,
    shown: Preview,
    form: AnewForm,
    *,
    status: int = 200,
    notice: str = "",
) -> HttpResponse:
    campaign = unmet_campaign(grant)
    context = {
        "access_request": grant.access_request,
        "campaign": campaign,
        "stands_on": stands_on(grant).text,
        "deadline": campaign and due_at(campaign, grant),
        "suspended": is_suspended(grant, timezone.now()),
        "shown": shown,
        "form": form,
        "problems": problems(form) if form.is_bound else [],
        "notice": notice,
    }
    return render(request, "web/requests/sign_anew.html", context, status=status)
