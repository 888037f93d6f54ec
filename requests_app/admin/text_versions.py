"""The page of a text version: what changed, who stands on older ones, and asking them to sign."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from requests_app.admin.deciding import blame
from requests_app.admin.roles import datasets, person
from requests_app.admin.site import site
from requests_app.admin.timeline import actor_names
from requests_app.agreements.differences import compare, runs
from requests_app.agreements.models import AgreementText
from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.distribution.access import running_grants
from requests_app.distribution.models import Grant, ReconsentCampaign
from requests_app.distribution.reconsents import due_at, versions_of
from requests_app.errors import Conflict, Invalid
from requests_app.lifecycle.reconsent import (
    campaign_obstacle,
    earliest_deadline,
    on_older_versions,
    start_campaign,
)
from requests_app.requests.permissions import approves_for
from requests_app.requests.reasons import LONGEST
from requests_app.requests.visibility import for_review

PAGE = "admin:requests_app_agreementtext_change"


class CampaignForm(forms.Form):
    """Until when, and why. Whether it suffices, the verb says."""

    last_day = forms.DateField(
        label="Last day to sign",
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"required": "Name the last day.", "invalid": "Write it as 2027-01-31."},
    )
    reason = forms.CharField(
        label="Reason",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "maxlength": LONGEST}),
        help_text="The holders read this, in each letter and on the page where they sign.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[
            "last_day"
        ].help_text = (
            f"Until 23:59 UTC of that day; {earliest_deadline():%-d %B %Y} at the earliest."
        )


@dataclass(frozen=True, slots=True)
class Holder:
    """A running grant that stands on an older version."""

    grant: Grant
    version: int
    letters: str
    suspended: bool


def version_context(request: HttpRequest, text: AgreementText) -> dict[str, Any]:
    """Returns what the page shows besides the fields of the text."""
    versions = AgreementText.objects.filter(dataset=text.dataset_id)
    previous = versions.filter(number__lt=text.number).order_by("-number").first()
    running = running_grants(timezone.now()).filter(dataset=text.dataset_id)
    campaign = ReconsentCampaign.objects.select_related("by").filter(text=text).first()
    approves = approves_for(person(request), text.dataset)
    return {
        "previous": previous,
        "passages": runs(compare(previous.body, text.body)) if previous else [],
        "published_by": _publisher(text),
        "counts": sorted(Counter(versions_of(running).values()).items(), reverse=True),
        "holders": _holders(request, text, running, campaign),
        "campaign": campaign,
        "may_ask": approves and not campaign_obstacle(text),
    }


def _publisher(text: AgreementText) -> str:
    found = Entry.objects.filter(kind=kinds.AGREEMENT_TEXT_LOADED, subject=text.audit_ref)
    entry = found.order_by("pk").first()
    return actor_names([entry]).get(entry.actor, entry.actor) if entry else ""


def _holders(
    request: HttpRequest,
    text: AgreementText,
    running: QuerySet[Grant],
    campaign: ReconsentCampaign | None,
) -> list[Holder]:
    """Those of requests that the person may review; a superuser sees numbers only."""
    versions, now = versions_of(running), timezone.now()
    older = [pk for pk, number in versions.items() if number < text.number]
    seen = Grant.objects.filter(
        pk__in=older, access_request__in=for_review(person(request)).order_by().values("pk")
    )
    return [
        Holder(
            grant,
            versions[grant.pk],
            _letters(grant, campaign),
            suspended=campaign is not None and due_at(campaign, grant) <= now,
        )
        for grant in seen.select_related("access_request")
        .prefetch_related("reconsent_notices__campaign")
        .order_by("access_request__legal_name", "pk")
    ]


def _letters(grant: Grant, campaign: ReconsentCampaign | None) -> str:
    ours = [each for each in grant.reconsent_notices.all() if each.campaign == campaign]
    return ", ".join(f"{each.get_kind_display()} {each.at:%-d %B %Y}" for each in ours)


@require_http_methods(["GET", "HEAD", "POST"])
def ask_to_sign(request: HttpRequest, object_id: int) -> HttpResponse:
    """Asks until when and why (GET) and starts the campaign (POST)."""
    text = get_object_or_404(
        AgreementText.objects.select_related("dataset"),
        pk=object_id,
        dataset__in=datasets(request),
    )
    if not approves_for(person(request), text.dataset):
        raise PermissionDenied
    if request.method != "POST":
        if why_not := campaign_obstacle(text):
            messages.warning(request, why_not)
            return redirect(PAGE, object_id)
        return _ask_form(request, text, CampaignForm())
    form = CampaignForm(request.POST)
    if not form.is_valid():
        return _ask_form(request, text, form, status=400)
    try:
        start_campaign(text_id=text.pk, by=person(request), **form.cleaned_data)
    except Invalid as error:
        blame(form, error)
        return _ask_form(request, text, form, status=400)
    except Conflict as conflict:
        messages.error(request, conflict.message)
        return redirect(PAGE, object_id)
    messages.success(request, "Asked. Each holder gets a letter now, and two reminders.")
    return redirect(PAGE, object_id)


def _ask_form(
    request: HttpRequest, text: AgreementText, form: CampaignForm, *, status: int = 200
) -> HttpResponse:
    context = {
        **site.each_context(request),
        "title": str(text),
        "text": text,
        "form": form,
        "asked": len(on_older_versions(text)),
        "opts": AgreementText._meta,  # noqa: SLF001 - the admin's templates call it so
    }
    return TemplateResponse(request, "admin/agreement_text/ask.html", context, status=status)
