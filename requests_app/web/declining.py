"""Where an applicant says no to the agreement."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from requests_app.datasets.card import card_from
from requests_app.errors import Conflict, Invalid
from requests_app.lifecycle.declining import CHOOSE, Why, decline
from requests_app.requests.models import AccessRequest
from requests_app.requests.policies import allows
from requests_app.requests.reasons import LONGEST
from requests_app.requests.states import Verb
from requests_app.web.applicants import ApplicantRequest, own_request_page
from requests_app.web.request_forms import PointingForm, problems


class DecliningForm(PointingForm):
    """Why; whether it is enough, `lifecycle` decides."""

    why = forms.ChoiceField(
        label="Why do you not agree?",
        choices=Why.choices,
        widget=forms.RadioSelect,
        error_messages={"required": CHOOSE, "invalid_choice": CHOOSE},
    )
    reason = forms.CharField(
        label="In your own words",
        required=False,
        strip=False,
        help_text="Which clause, or what would have to change. Maintainers may read this.",
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": LONGEST}),
    )


@own_request_page("GET", "HEAD", "POST")
def request_decline(request: ApplicantRequest, access_request: AccessRequest) -> HttpResponse:
    """Asks why (GET) and declines (POST); what was typed survives every refusal."""
    if not allows(access_request, Verb.DECLINE):
        state = access_request.get_state_display()
        messages.info(request, f"This request is “{state}”: there is nothing to decline.")
        return redirect("request_detail", access_request.pk)
    form = DecliningForm(request.POST or None)
    if request.method != "POST":
        return _page(request, access_request, form)
    if not form.is_valid():
        return _page(request, access_request, form, status=400)
    try:
        decline(access_request_id=access_request.pk, by=request.user, **form.cleaned_data)
    except Invalid as error:
        form.point_out(error.fields or {"": [error.message]})
        return _page(request, access_request, form, status=400)
    except Conflict as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "You declined the agreement, and nothing was signed. Thank you.")
    return redirect("request_detail", access_request.pk)


def _page(
    request: ApplicantRequest,
    access_request: AccessRequest,
    form: DecliningForm,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "access_request": access_request,
        "form": form,
        "problems": problems(form) if form.is_bound else [],
        "contact": card_from(access_request.dataset.card).contact.email,
    }
    return render(request, "web/requests/decline.html", context, status=status)
