"""The page of one grant's downloads: what was fetched, what is left, and its access tokens."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from requests_app import conf
from requests_app.audit import checkpoints
from requests_app.distribution.access import in_force
from requests_app.distribution.access_tokens import LONGEST_NAME, create_token, revoke_token
from requests_app.distribution.fetched import (
    Fetched,
    fetched,
    holdings,
    releases_held,
    running,
)
from requests_app.distribution.models import AccessToken, Grant
from requests_app.distribution.usage import use_of
from requests_app.errors import Conflict, Invalid, NotFound
from requests_app.requests.models import AccessRequest
from requests_app.web.applicants import ApplicantRequest, own_request_page
from requests_app.web.bars import of_release, of_transfers
from requests_app.web.commands import Command
from requests_app.web.receipts import entries_of
from requests_app.web.request_forms import PointingForm
from requests_app.web.signing import refuse_unproven

PER_PAGE = 50


class TokenForm(PointingForm):
    """A name for a new access token, and the password that shows who asks."""

    name = forms.CharField(
        max_length=LONGEST_NAME,
        help_text="Where it will be used, such as the name of your cluster.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    password = forms.CharField(
        label="Your password",
        help_text="The one you sign in with. It shows that it is you who asks.",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


@own_request_page("GET", "HEAD", "POST")
def request_downloads(
    request: ApplicantRequest, access_request: AccessRequest, grant_id: UUID
) -> HttpResponse:
    """Shows the downloads of one's grant (GET), and makes an access token (POST).

    The token's text is in this answer and nowhere else; a second POST of the same form is refused.
    """
    grant = get_object_or_404(access_request.grants.select_related("dataset"), pk=grant_id)
    if request.method != "POST":
        return _page(request, grant, TokenForm())
    form = TokenForm(request.POST)
    if status := refuse_unproven(request, form):
        return _page(request, grant, form, status=status)
    try:
        token, text = create_token(
            grant_id=grant.pk, name=form.cleaned_data["name"], by=request.user
        )
    except (Conflict, Invalid) as error:
        form.point_out({"name": [error.message]})
        return _page(request, grant, form, status=409 if isinstance(error, Conflict) else 400)
    return _page(request, grant, TokenForm(), made=(token, text))


@own_request_page("POST")
def token_revoke(
    request: ApplicantRequest, access_request: AccessRequest, grant_id: UUID, token_id: UUID
) -> HttpResponse:
    """Closes an access token at once."""
    grant = get_object_or_404(access_request.grants, pk=grant_id)
    get_object_or_404(grant.access_tokens, pk=token_id)
    try:
        token = revoke_token(token_id=token_id, by=request.user)
    except (Conflict, NotFound) as error:
        messages.info(request, error.message)
    else:
        messages.success(
            request, f"The token “{token.name}” is revoked and opens nothing any more."
        )
    return redirect("request_downloads", access_request.pk, grant.pk)


def _page(
    request: ApplicantRequest,
    grant: Grant,
    form: TokenForm,
    *,
    made: tuple[AccessToken, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    now, found = timezone.now(), fetched(grant)
    newest = sorted(found, key=lambda each: each.last_at, reverse=True)
    shown = Paginator(newest, PER_PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "access_request": grant.access_request,
        "grant": grant,
        "allowed": in_force(grant, now),
        "use": use_of(grant, now),
        "tokens": grant.access_tokens.defer("secret_sha256"),
        "form": form,
        "made": made,
        "commands": _commands() if made else [],
        "sums": {
            "complete": sum(each.is_complete for each in found),
            "partial": sum(not each.is_complete for each in found),
            "bytes": sum(each.covered for each in found),
        },
        "held": [of_release(each) for each in holdings(releases_held(grant, found, now), found)],
        "downloads": of_transfers(found, running(grant)),
        "page": shown,
        "rows": _with_receipts(grant, list(shown)),
    }
    return render(request, "web/requests/downloads.html", context, status=status)


def _with_receipts(grant: Grant, rows: list[Fetched]) -> list[tuple[Fetched, str, bool]]:
    """Each with the address of its receipt, empty where it has none, and whether it is ready."""
    entries = entries_of(grant, rows)
    ready = checkpoints.covered(list(entries.values())) if entries else set()
    return [
        (each, _receipt_url(grant, each, entries), {entries.get(pk) for pk in each.proofs} <= ready)
        for each in rows
    ]


def _receipt_url(grant: Grant, each: Fetched, entries: dict[UUID, int]) -> str:
    known = [entries[pk] for pk in each.proofs if pk in entries]
    if not known or len(known) < len(each.proofs):
        return ""
    if len(known) == 1:
        return reverse("request_receipt", args=[grant.access_request_id, known[0]])
    return reverse("transfer_receipt", args=[grant.access_request_id, grant.pk, each.proofs[0]])


def _commands() -> list[Command]:
    """How to use a token that lies in an environment variable: no list of processes shows it."""
    data, client = f"{conf.base_url()}/data", conf.base_url() + reverse("client")
    header = "printf 'Authorization: Bearer %s\\n' \"$CMED_TOKEN\" > token.header"
    return [
        Command("token-client", "Python, nothing to install: every file, in parallel, verified",
                f"curl -f -o client.py '{client}'\npython3 client.py '{conf.base_url()}/'"),
        Command("token-curl", "curl: the list of files",
                f"(umask 077; {header})\n"
                f"curl -f -L -H @token.header -O '{data}/manifest.sha256'"),
    ]  # fmt: skip
