"""What may be seen: which requests exist for whom."""

from uuid import UUID

from django.db.models import QuerySet

from requests_app.errors import NotFound
from requests_app.identity.models import User
from requests_app.requests.models import AccessRequest
from requests_app.requests.permissions import APPROVERS, AUDITORS, REVIEWERS
from requests_app.requests.states import State


def own(user: User) -> QuerySet[AccessRequest]:
    """The applicant's own requests."""
    return AccessRequest.objects.filter(applicant=user)


def own_or_404(user: User, access_request_id: UUID | str) -> AccessRequest:
    """Returns one of the applicant's own requests; NotFound for anybody else's."""
    found = own(user).select_related("dataset").filter(pk=access_request_id).first()
    if found is None:
        raise NotFound("There is no such request among yours.")
    return found


def for_review(user: User) -> QuerySet[AccessRequest]:
    """The requests a staff member may look at: signed ones of datasets they maintain.

    Auditors see those of every dataset. An applicant's unsigned draft is nobody else's business.
    """
    roles = set(user.groups.values_list("name", flat=True)) if user.is_active else set()
    signed = AccessRequest.objects.exclude(state=State.DRAFT)
    # A signing that was stopped before all had signed left no agreement.
    seen = signed.filter(agreements__isnull=False, agreements__void=None).distinct()
    if not user.is_staff or not roles & {APPROVERS, REVIEWERS, AUDITORS}:
        return seen.none()
    if AUDITORS in roles:
        return seen
    return seen.filter(dataset__maintainers=user)
