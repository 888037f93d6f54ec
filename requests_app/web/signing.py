"""The signing page: the whole agreement, the affirmations, and the applicant's signature."""

from typing import Any, Final, cast

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.core import ratelimit
from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django.utils.translation import get_language

from requests_app.agreements import drawing
from requests_app.agreements.inviting import asks_others
from requests_app.agreements.models import Agreement
from requests_app.agreements.preview import Preview, preview
from requests_app.agreements.signing import sign
from requests_app.errors import Conflict, Invalid, Refused
from requests_app.requests.completeness import missing
from requests_app.requests.models import AccessRequest
from requests_app.requests.policies import allows
from requests_app.requests.states import State, Verb
from requests_app.requests.visibility import own_or_404
from requests_app.web.applicants import ApplicantRequest, own_request_page
from requests_app.web.own_certificate import waits_for_certificate
from requests_app.web.request_editing import CHECK
from requests_app.web.request_forms import PointingForm, problems

_SLOWER: Final = "Too many attempts. Wait a few minutes, then try again."
CHANGED: Final = (
    "The agreement is no longer the one you were shown: its text or one of your answers has "
    "changed since. Nothing was signed. Read it again and sign what is there."
)


WAYS: Final = [
    ("here", "Here: my typed name is my signature."),
    (
        "certificate",
        "With a certificate of my own (PAdES): I get the PDF, sign it with my program, and upload "
        "it. Most people have no such certificate.",
    ),
]


class SigningForm(PointingForm):
    """What is asked below the agreement. Whether it is enough to sign, `agreements` decides."""

    text_id = forms.IntegerField(widget=forms.HiddenInput)
    shown_sha256 = forms.CharField(widget=forms.HiddenInput)
    affirmations = forms.MultipleChoiceField(
        label="Affirmations",
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": "Tick every affirmation, or do not sign.",
            "invalid_choice": "The affirmations have changed. Read them and tick each one.",
        },
    )
    consent_electronic = forms.BooleanField(
        label="Electronic signature",
        error_messages={"required": "To sign here, agree to sign electronically."},
    )
    typed_name = forms.CharField(
        label="Your full name",
        strip=False,
        error_messages={"required": "Type your full name; that is your signature."},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    drawn = forms.CharField(
        required=False,
        max_length=drawing.LONGEST,
        error_messages={"max_length": "The drawing is too long. Clear it, or draw less."},
        widget=forms.HiddenInput,
    )
    password = forms.CharField(
        label="Your password",
        help_text="The one you sign in with. It shows that it is you who signs.",
        strip=False,
        error_messages={"required": "Enter your password."},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, shown: Preview, legal_name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order = [(each.key, each.text) for each in shown.affirmations]
        cast("forms.MultipleChoiceField", self.fields["affirmations"]).choices = self.order
        self.fields["typed_name"].help_text = f"Exactly as in the request: {escape(legal_name)}"
        self.initial.update(text_id=shown.text_id, shown_sha256=shown.shown_sha256)

    def clean_affirmations(self) -> list[str]:
        ticked: list[str] = self.cleaned_data["affirmations"]
        if untouched := len(self.order) - len(set(ticked)):
            left = "one is" if untouched == 1 else f"{untouched} are"
            raise forms.ValidationError(f"Tick every affirmation, or do not sign: {left} left.")
        return ticked

    def signature(self) -> dict[str, Any]:
        """Returns what was given, as the verbs that sign take it; the password was right now."""
        names = ("typed_name", "affirmations", "consent_electronic", "text_id", "shown_sha256")
        return {
            **{name: self.cleaned_data[name] for name in (*names, "drawn")},
            "reauthenticated_at": timezone.now(),
            "method": "password",
            "locale": get_language() or "",
        }

    def is_about(self, shown: Preview) -> bool:
        """Whether the page that was sent in showed what would be signed now."""
        sent = (self.data.get("text_id"), self.data.get("shown_sha256"))
        return sent == (str(shown.text_id), shown.shown_sha256)


class ApplicantForm(SigningForm):
    """What an applicant is asked: to sign here, or with a certificate of their own."""

    way = forms.ChoiceField(
        label="How do you sign?",
        choices=WAYS,
        initial="here",
        required=False,
        widget=forms.RadioSelect,
    )

    def signature(self) -> dict[str, Any]:
        """Returns what was given, as `sign` and `sign_anew` take it."""
        own_certificate = self.cleaned_data["way"] == "certificate"
        return {**super().signature(), "own_certificate": own_certificate}


@own_request_page("GET", "HEAD", "POST")
def request_sign(request: ApplicantRequest, access_request: AccessRequest) -> HttpResponse:
    """Shows the agreement as it would be signed, and signs it.

    Whoever comes back here afterwards, or sends the form twice, is told and led to the status page.
    """
    if not allows(access_request, Verb.SIGN):
        return _already(request, access_request)
    if missing(access_request):
        return redirect(f"{reverse('request_edit', args=[access_request.pk])}?{CHECK}")
    shown, name = preview(access_request), access_request.legal_name
    if request.method != "POST":
        return _page(request, access_request, shown, ApplicantForm(shown=shown, legal_name=name))
    form = ApplicantForm(request.POST, shown=shown, legal_name=name)
    if not form.is_about(shown):
        return _overtaken(request, access_request, CHANGED)
    if status := refuse_unproven(request, form):
        return _page(request, access_request, shown, form, status=status)
    return _sign(request, access_request, shown, form)


def refuse_unproven(request: ApplicantRequest, form: PointingForm) -> int:
    """Returns 0 when all is given and the password right, which counts as signing in again.

    Otherwise a status. The password is tried last, so that a forgotten tick costs no attempt.
    """
    if not form.is_valid():
        return 400
    if not ratelimit.consume(request, action="reauthenticate", user=request.user):
        form.point_out({"password": [_SLOWER]})
        return 429
    try:
        right = get_adapter(request).reauthenticate(request.user, form.cleaned_data["password"])
    except forms.ValidationError:
        form.point_out({"password": [_SLOWER]})
        return 429
    if not right:
        form.point_out({"password": ["This is not your password. Type it again."]})
        return 400
    reauthenticate_by_password(request)
    return 0


def _sign(
    request: ApplicantRequest, access_request: AccessRequest, shown: Preview, form: SigningForm
) -> HttpResponse:
    try:
        agreement = sign(access_request_id=access_request.pk, by=request.user, **form.signature())
    except Invalid as error:
        form.point_out(error.fields or {"": [error.message]})
        return _page(request, access_request, shown, form, status=400)
    except Refused as error:
        return _page(request, access_request, shown, form, status=403, notice=error.message)
    except Conflict as error:
        return _overtaken(request, access_request, error.message)
    if hasattr(agreement, "own_certificate"):
        return redirect("request_own_certificate", access_request.pk)
    messages.success(request, _signed(agreement, request.user.email))
    return redirect("request_detail", access_request.pk)


def _signed(agreement: Agreement, email: str) -> str:
    if others := agreement.signatories.count():
        who = "to the person" if others == 1 else f"to the {others} people"
        return f"Signed. An invitation is on its way {who} who must sign with you."
    return (
        "Signed and submitted. A copy of the agreement is being made for you and will be sent to "
        f"{email}."
    )


def _already(request: ApplicantRequest, access_request: AccessRequest) -> HttpResponse:
    if waits_for_certificate(access_request):
        return redirect("request_own_certificate", access_request.pk)
    if access_request.collecting_since and access_request.state != State.APPROVED:
        sentence = "You have signed already: others have yet to, and nothing was signed twice."
    elif access_request.state == State.SUBMITTED:
        sentence = (
            "You have signed already: the request is submitted, and nothing was signed a second "
            "time."
        )
    else:
        state = access_request.get_state_display()
        sentence = f"This request is “{state}” now, so it cannot be signed."
    messages.info(request, sentence)
    return redirect("request_detail", access_request.pk)


def _overtaken(
    request: ApplicantRequest, access_request: AccessRequest, sentence: str
) -> HttpResponse:
    """Shows what there is to sign now. Ticks are not carried over to a text they were not for."""
    now = own_or_404(request.user, access_request.pk)
    if not allows(now, Verb.SIGN):
        return _already(request, now)
    shown = preview(now)
    form = ApplicantForm(
        initial={"typed_name": request.POST.get("typed_name", "")},
        shown=shown,
        legal_name=now.legal_name,
    )
    return _page(request, now, shown, form, status=409, notice=sentence)


def _page(
    request: ApplicantRequest,
    access_request: AccessRequest,
    shown: Preview,
    form: SigningForm,
    *,
    status: int = 200,
    notice: str = "",
) -> HttpResponse:
    context = {
        "access_request": access_request,
        "shown": shown,
        "with_others": asks_others(access_request),
        "form": form,
        "problems": [] if not form.is_bound else problems(form),
        "notice": notice,
    }
    return render(request, "web/requests/sign.html", context, status=status)
