"""The form behind *Revoke the link*: closes one download link, and leaves the grant as it is."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from requests_app.admin.deciding import PAGE, blame
from requests_app.admin.forms import CloseForm
from requests_app.admin.request_page import frame
from requests_app.admin.roles import person
from requests_app.distribution.links import revoke_link
from requests_app.distribution.models import DownloadLink
from requests_app.errors import Conflict, Invalid
from requests_app.requests.models import AccessRequest
from requests_app.requests.permissions import may_decide
from requests_app.review.dossier import visible


@require_http_methods(["GET", "HEAD", "POST"])
def close(request: HttpRequest, object_id: UUID, link_id: UUID) -> HttpResponse:
    """Asks why (GET) and revokes the link (POST). The link must stand under the request."""
    access_request = visible(access_request_id=object_id, to=person(request))
    under = DownloadLink.objects.filter(grant__access_request=access_request)
    link = under.defer("secret_sha256").filter(pk=link_id).first()
    if link is None:
        raise Http404
    if not may_decide(person(request), access_request):
        raise PermissionDenied
    if request.method != "POST":
        return _ask(request, access_request, link, CloseForm())
    form = CloseForm(request.POST)
    form.is_valid()
    try:
        revoke_link(link_id=link_id, by=person(request), reason=form.cleaned_data.get("reason", ""))
    except Invalid as error:
        blame(form, error)
        return _ask(request, access_request, link, form, status=400)
    except Conflict as conflict:
        return _ask(request, access_request, link, form, 409, stopped=conflict.message)
    messages.success(request, "Revoked. This link has stopped working; the grant stays.")
    return redirect(PAGE, object_id)


def _ask(  # noqa: PLR0917 - the parts of one page
    request: HttpRequest,
    access_request: AccessRequest,
    link: DownloadLink,
    form: Form,
    status: int = 200,
    stopped: str = "",
) -> HttpResponse:
    context = {
        **frame(request, access_request),
        "link": link,
        "form": form,
        "stopped": stopped,
        "may_submit": link.is_open(timezone.now()),
    }
    return TemplateResponse(request, "admin/access_request/close.html", context, status=status)
