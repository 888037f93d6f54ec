"""Filling in an access request: the one page where answers are typed and saved."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from requests_app.errors import Conflict, Refused
from requests_app.requests import answers as answering
from requests_app.requests import drafts
from requests_app.requests.completeness import missing
from requests_app.requests.models import AccessRequest
from requests_app.requests.policies import allows
from requests_app.requests.states import Verb
from requests_app.requests.transitions import WAITING_FOR_OTHERS
from requests_app.requests.visibility import own_or_404
from requests_app.web.applicants import ApplicantRequest, own_request_page
from requests_app.web.request_forms import PeopleForms, RequestForm, people_forms, problems

CHECK = "check"


@own_request_page("GET", "HEAD", "POST")
def request_edit(request: ApplicantRequest, access_request: AccessRequest) -> HttpResponse:
    """Shows the form and saves it: as a draft, or to go on to signing when nothing is missing.

    With `?check` the page says what is missing before the request may be signed.
    """
    if request.method == "POST":
        return _save(request, access_request)
    if not allows(access_request, Verb.EDIT):
        messages.info(request, _cannot_change(access_request))
        return redirect("request_detail", access_request.pk)
    form, people = _filled_from(access_request)
    if CHECK in request.GET:
        gaps = missing(access_request)
        form.point_out({name: each for name, each in gaps.items() if name in form.fields})
        people.point_out(gaps)
    return _page(request, access_request, form, people)


def _filled_from(access_request: AccessRequest) -> tuple[RequestForm, PeopleForms]:
    initial = {name: getattr(access_request, name) for name in answering.ANSWERS}
    form = RequestForm(
        initial={**initial, "revision": access_request.revision},
        card=access_request.dataset.card,
    )
    named = [person.as_value() for person in access_request.named_people.all()]
    return form, people_forms(initial=named)


def _save(request: ApplicantRequest, access_request: AccessRequest) -> HttpResponse:
    form = RequestForm(request.POST, request.FILES, card=access_request.dataset.card)
    people = people_forms(request.POST)
    well_formed = all([form.is_valid(), people.is_valid()])
    try:
        _keep_upload(request, access_request, form)
        if not (well_formed and form.is_valid()):
            return _page(request, access_request, form, people, status=400)
        saved = drafts.save(
            access_request_id=access_request.pk,
            by=request.user,
            revision=form.cleaned_data["revision"],
            answers=form.answers,
            named_people=people.people,
        )
    except drafts.Overtaken as error:
        form.read_again(own_or_404(request.user, access_request.pk).revision)
        return _page(
            request, access_request, form, people, status=409, notice=error.message, overtaken=True
        )
    except Conflict:
        now = own_or_404(request.user, access_request.pk)
        sentence = f"{_cannot_change(now)} What you typed was not saved; copy it if you need it."
        return _page(request, now, form, people, status=409, notice=sentence, closed=True)
    return _go_on(request, saved)


def _keep_upload(
    request: ApplicantRequest, access_request: AccessRequest, form: RequestForm
) -> None:
    """A good file is kept whatever else is wrong: browsers do not send it a second time."""
    if form.upload is None:
        return
    try:
        drafts.keep_ethics_document(
            access_request_id=access_request.pk, by=request.user, upload=form.upload
        )
    except Refused as error:
        form.point_out({"ethics_document": [error.message]})


def _go_on(request: ApplicantRequest, saved: AccessRequest) -> HttpResponse:
    edit = redirect("request_edit", saved.pk)
    if request.POST.get("then") != "sign":
        messages.success(request, "Saved. You can come back to it whenever you like.")
        return edit
    if missing(saved):
        edit.headers["Location"] += f"?{CHECK}"
        return edit
    return redirect("request_sign", saved.pk)


def _page(
    request: ApplicantRequest,
    access_request: AccessRequest,
    form: RequestForm,
    people: PeopleForms,
    *,
    status: int = 200,
    notice: str = "",
    overtaken: bool = False,
    closed: bool = False,
) -> HttpResponse:
    context = {
        "access_request": access_request,
        "form": form,
        "people": people,
        "people_limit": answering.PEOPLE_LIMIT,
        "problems": problems(form, people),
        "checked": CHECK in request.GET,
        "ethics_document": access_request.latest_ethics_document,
        "decision": access_request.decisions.first(),
        "notice": notice,
        "overtaken": overtaken,
        "closed": closed,
    }
    return render(request, "web/requests/edit.html", context, status=status)


def _cannot_change(access_request: AccessRequest) -> str:
    if access_request.collecting_since:
        return WAITING_FOR_OTHERS
    return (
        f"This request is “{access_request.get_state_display()}” now, "
        "so its answers cannot be changed."
    )
