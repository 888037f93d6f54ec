"""Taking a grant back before its end."""

from uuid import UUID

from django.db import transaction
from django.urls import reverse

from requests_app.agreements import gathering
from requests_app.distribution import grants
from requests_app.distribution.models import Grant
from requests_app.errors import NotFound
from requests_app.identity.models import User
from requests_app.notifications import messages
from requests_app.requests.models import AccessRequest


@transaction.atomic
def revoke_grant(
    *, access_request_id: UUID | str, grant_id: UUID | str, by: User, reason: str
) -> Grant:
    """Ends the grant `grant_id` of the request `access_request_id` at once, and tells its holder.

    The grant is looked for among that request's only, so an id of another request is NotFound.
    Raises Refused unless `by` may decide about the request, Conflict when the grant is over,
    Invalid without a reason. Effects, all or none: the grant's end, one entry, an e-mail, and the
    end of a new version that was being signed, of which those who were asked are told.
    """
    if not Grant.objects.filter(pk=grant_id, access_request__pk=access_request_id).exists():
        raise NotFound("There is no such grant under this request.")
    locked = AccessRequest.objects.select_for_update(of=("self",), no_key=True).filter(
        pk=access_request_id
    )
    access_request = locked.select_related("dataset").get()
    grant = grants.revoke_grant(grant_id=grant_id, by=by, reason=reason)
    gathering.end_collecting(access_request, by)
    messages.grant_revoked(
        to=grant.applicant.email,
        full_name=access_request.legal_name,
        dataset_title=grant.dataset.title,
        research_title=str(access_request),
        reason=grant.revoked_reason,
        path=reverse("request_detail", args=[access_request.pk]),
        trail=access_request.audit_trail,
    )
    return grant
