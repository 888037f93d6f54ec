"""Where the holder of a grant asks for a fresh download link.

Not a button on the page below a link: that page names no referrer, so a browser would send a form
from it with `Origin: null`, which the protection against forged forms rightly refuses.
"""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from requests_app.distribution import links
from requests_app.distribution.access import standing
from requests_app.distribution.models import Grant
from requests_app.distribution.verdicts import Verdict
from requests_app.errors import Conflict, NotFound, Refused


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def renew(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    """Ask the holder, then send a fresh link to their address."""
    grant = (
        Grant.objects.filter(pk=grant_id, applicant=request.user.pk)
        .select_related("applicant", "dataset", "access_request")
        .first()
    )
    if grant is None:
        raise NotFound("There is no such grant among yours.")
    if request.method != "POST":
        found = standing(grant, timezone.now())
        context = {
            "grant": grant,
            "in_force": found is Verdict.ALLOWED,
            "suspended": found is Verdict.GRANT_SUSPENDED,
            "is_synthetic": grant.dataset.releases.filter(is_synthetic=True).exists(),
        }
        return render(request, "web/download_renew.html", context)
    try:
        link = links.renew_link(grant_id=grant.pk, by=grant.applicant)
    except (Refused, Conflict) as error:
        messages.error(request, error.message)
    else:
        until = f"{link.expires_at:%-d %B %Y, %H:%M} UTC"
        sentence = f"A new link is on its way to {grant.applicant.email}. It works until {until}."
        messages.success(request, sentence)
    return redirect("request_detail", grant.access_request_id)
