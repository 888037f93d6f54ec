"""Where an invited person reads the agreement and signs it, or says no. No account is needed.

The token in the address is the key. So these pages name no referrer, and no cookie protects their
forms: a browser sends a form from such a page with `Origin: null`, and whoever could forge it has
the token anyway. A signature, and saying no, need a code from the invited mailbox besides.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from allauth.core import ratelimit
from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.csrf import csrf_exempt

from requests_app.agreements import codes
from requests_app.agreements.cosigning import cosign, preview_for, refuse, send_code
from requests_app.agreements.inviting import addressed_to, is_anew, open_invitation
from requests_app.agreements.preview import Preview
from requests_app.agreements.signatories import Invitation
from requests_app.errors import Conflict, Invalid, NotFound, Refused
from requests_app.requests.reasons import LONGEST
from requests_app.web.invitation_standing import OPEN, Standing, standing
from requests_app.web.request_forms import PointingForm, problems
from requests_app.web.serving import PRIVATE, private
from requests_app.web.signing import CHANGED, SigningForm

METHODS: Final = ("GET", "HEAD", "POST")
RATE_LIMIT: Final = "sign_by_invitation"
SLOWER: Final = "Too many attempts from your address. Wait a minute, then try again."

View = Callable[[HttpRequest, str, Invitation], HttpResponse]


def _code_field() -> forms.CharField:
    return forms.CharField(
        label="Code",
        required=False,
        strip=True,
        help_text="Six digits, from the e-mail that was just sent.",
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 20}
        ),
    )


class CosigningForm(SigningForm):
    """What is asked of an invited person: the same, with a code in place of a password."""

    password = None  # type: ignore[assignment]  # Django's way to drop a field
    code = _code_field()

    def cosignature(self) -> dict[str, Any]:
        """Returns what was given, as `cosign` takes it."""
        names = ("typed_name", "affirmations", "consent_electronic", "shown_sha256", "code")
        given = {name: self.cleaned_data[name] for name in (*names, "drawn")}
        return {**given, "locale": get_language() or ""}


class RefusingForm(PointingForm):
    """Why somebody does not accept; whether it is enough, `agreements` decides."""

    reason = forms.CharField(
        label="Why do you not accept?",
        required=False,
        strip=False,
        help_text="The applicant reads this, and it is kept. A few words are enough.",
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": LONGEST}),
    )
    code = _code_field()


def invited(view: View) -> Callable[..., HttpResponse]:
    """Calls `view(request, token, invitation)` for an invitation that opens; tells of any other.

    Every answer is private, also the one to a token that nobody was given.
    """

    @csrf_exempt
    @wraps(view)
    def enter(request: HttpRequest, secret: str) -> HttpResponse:
        if request.method not in METHODS:
            return HttpResponseNotAllowed(METHODS, headers=PRIVATE)
        try:
            invitation = open_invitation(secret)
        except NotFound as error:
            return _tell(request, Standing("There is nothing here", error.message, status=404))
        found = standing(invitation)
        if found is not OPEN:
            return _tell(request, found, invitation)
        return private(view(request, secret, invitation))

    return enter


def _is_too_fast(request: HttpRequest) -> bool:
    return not ratelimit.consume(request, action=RATE_LIMIT)


@invited
def sign(request: HttpRequest, token: str, invitation: Invitation) -> HttpResponse:
    """Shows the agreement, sends the code, and signs; what was typed survives every refusal."""
    shown, name = preview_for(invitation.signatory), invitation.signatory.name
    if request.method != "POST":
        return _page(request, token, invitation, CosigningForm(shown=shown, legal_name=name), shown)
    if _is_too_fast(request):
        typed = {**_typed(request), "code": request.POST.get("code", "")}
        form = CosigningForm(initial=typed, shown=shown, legal_name=name)
        return _page(request, token, invitation, form, shown, status=429, notice=SLOWER)
    if request.POST.get("then") == "code":
        kept = CosigningForm(initial=_typed(request), shown=shown, legal_name=name)
        return _send(request, token, invitation, kept, shown)
    form = CosigningForm(request.POST, shown=shown, legal_name=name)
    if not form.is_about(shown):
        fresh = CosigningForm(shown=shown, legal_name=name)
        return _page(request, token, invitation, fresh, shown, status=409, notice=CHANGED)
    return _sign(request, token, invitation, form, shown)


def _typed(request: HttpRequest) -> dict[str, Any]:
    return {
        "affirmations": request.POST.getlist("affirmations"),
        "consent_electronic": "consent_electronic" in request.POST,
        "typed_name": request.POST.get("typed_name", ""),
        "drawn": request.POST.get("drawn", ""),
    }


def _send(
    request: HttpRequest, token: str, invitation: Invitation, form: CosigningForm, shown: Preview
) -> HttpResponse:
    """Sends a code; leads on to the form it is for, so that going back repeats nothing."""
    try:
        send_code(token=token)
    except Refused as error:
        return _page(request, token, invitation, form, shown, status=403, notice=error.message)
    except Conflict:
        return redirect("invited_sign", token)
    if "typed_name" in request.POST:
        return _page(request, token, invitation, form, shown)
    return redirect(f"{reverse('invited_sign', args=[token])}#signature")


def _sign(
    request: HttpRequest, token: str, invitation: Invitation, form: CosigningForm, shown: Preview
) -> HttpResponse:
    status, notice = 400, ""
    try:
        if form.is_valid():
            cosign(token=token, **form.cosignature())
            return redirect("invited_sign", token)
    except Invalid as error:
        form.point_out(error.fields or {"": [error.message]})
    except Refused as error:
        status, notice = 403, error.message
    except Conflict:  # somebody was faster, perhaps a second click: the page says where it stands
        return redirect("invited_sign", token)
    return _page(request, token, invitation, form, shown, status=status, notice=notice)


@invited
def say_no(request: HttpRequest, token: str, invitation: Invitation) -> HttpResponse:
    """Asks why (GET), sends the code, and refuses the signature (POST); what was typed survives."""
    form = RefusingForm(initial={"reason": request.POST.get("reason", "")})
    if request.method != "POST":
        return _asking_why(request, token, invitation, form)
    if _is_too_fast(request):
        form.initial["code"] = request.POST.get("code", "")
        return _asking_why(request, token, invitation, form, status=429, notice=SLOWER)
    if request.POST.get("then") != "code":
        return _refuse(request, token, invitation, RefusingForm(request.POST))
    try:
        send_code(token=token)
    except Refused as error:
        return _asking_why(request, token, invitation, form, status=403, notice=error.message)
    except Conflict:
        return redirect("invited_sign", token)
    return _asking_why(request, token, invitation, form)


def _refuse(
    request: HttpRequest, token: str, invitation: Invitation, form: RefusingForm
) -> HttpResponse:
    try:
        if form.is_valid():
            refuse(token=token, **form.cleaned_data)
            return redirect("invited_sign", token)
    except Invalid as error:
        form.point_out(error.fields or {"": [error.message]})
    except Conflict as error:
        form.point_out({"": [error.message]})
    return _asking_why(request, token, invitation, form, status=400)


def _asking_why(
    request: HttpRequest,
    token: str,
    invitation: Invitation,
    form: RefusingForm,
    *,
    status: int = 200,
    notice: str = "",
) -> HttpResponse:
    signatory = invitation.signatory
    context = {
        "token": token,
        "signatory": signatory,
        "invited": addressed_to(signatory),
        "form": form,
        "problems": problems(form) if form.is_bound else [],
        "code_sent_at": codes.sent_at(signatory),
        "notice": notice,
    }
    return render(request, "web/invited/refuse.html", context, status=status)


def _page(
    request: HttpRequest,
    token: str,
    invitation: Invitation,
    form: CosigningForm,
    shown: Preview,
    *,
    status: int = 200,
    notice: str = "",
) -> HttpResponse:
    signatory = invitation.signatory
    context = {
        "token": token,
        "signatory": signatory,
        "invited": addressed_to(signatory),
        "anew": is_anew(signatory.agreement),
        "expires_at": invitation.expires_at,
        "shown": shown,
        "form": form,
        "problems": problems(form) if form.is_bound else [],
        "begun": form.is_bound or "typed_name" in request.POST,
        "code_sent_at": codes.sent_at(signatory),
        "notice": notice,
    }
    return render(request, "web/invited/sign.html", context, status=status)


def _tell(
    request: HttpRequest, found: Standing, invitation: Invitation | None = None
) -> HttpResponse:
    context = {
        "heading": found.heading,
        "sentence": found.sentence,
        "next": found.next,
        "signatory": invitation and invitation.signatory,
        "invited": invitation and addressed_to(invitation.signatory),
    }
    return private(render(request, "web/invited/told.html", context, status=found.status))
