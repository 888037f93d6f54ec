"""The form behind *Remove from the grant*: one member leaves, the grant and all others stay."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from requests_app.admin.deciding import PAGE, blame
from requests_app.admin.forms import RemoveForm
from requests_app.admin.request_page import frame
from requests_app.admin.roles import person
from requests_app.agreements.signatories import Signatory
from requests_app.errors import Conflict, Invalid
from requests_app.lifecycle.leaving import members, remove_member
from requests_app.requests.models import AccessRequest
from requests_app.requests.permissions import may_decide
from requests_app.review.dossier import visible


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: HttpRequest, object_id: UUID, signatory_id: UUID) -> HttpResponse:
    """Asks why (GET) and removes the member (POST), who must have signed under the request."""
    access_request = visible(access_request_id=object_id, to=person(request))
    under = Signatory.objects.filter(agreement__access_request=access_request)
    member = under.filter(pk=signatory_id, role=Signatory.Role.MEMBER).first()
    if member is None:
        raise Http404
    if not may_decide(person(request), access_request):
        raise PermissionDenied
    if request.method != "POST":
        return _ask(request, access_request, member, RemoveForm())
    form = RemoveForm(request.POST)
    form.is_valid()
    reason = form.cleaned_data.get("reason", "")
    try:
        remove_member(signatory_id=signatory_id, by=person(request), reason=reason)
    except Invalid as error:
        blame(form, error)
        return _ask(request, access_request, member, form, status=400)
    except Conflict as conflict:
        return _ask(request, access_request, member, form, 409, stopped=conflict.message)
    messages.success(request, "Removed. They and the holder are told, and the links are replaced.")
    return redirect(PAGE, object_id)


def _ask(  # noqa: PLR0917 - the parts of one page
    request: HttpRequest,
    access_request: AccessRequest,
    member: Signatory,
    form: Form,
    status: int = 200,
    stopped: str = "",
) -> HttpResponse:
    context = {
        **frame(request, access_request),
        "member": member,
        "form": form,
        "stopped": stopped,
        "may_submit": member in members(access_request),
    }
    return TemplateResponse(request, "admin/access_request/remove.html", context, status=status)
