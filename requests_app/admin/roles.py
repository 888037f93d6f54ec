"""Who may open which part of the admin: the groups, asked once for each HTTP request."""

from django.db.models import QuerySet
from django.http import HttpRequest

from requests_app.datasets.models import Dataset
from requests_app.identity.models import User
from requests_app.requests.permissions import APPROVERS, AUDITORS, GROUPS, REVIEWERS

SUPERUSER = "superuser"
MAINTAINERS = frozenset({APPROVERS, REVIEWERS})
EVERY_ROLE = frozenset(GROUPS)
WITH_SUPERUSER = EVERY_ROLE | {SUPERUSER}
OVERSIGHT = frozenset({AUDITORS, SUPERUSER})


def person(request: HttpRequest) -> User:
    """Returns the signed-in member of staff; the site lets nobody else reach a view."""
    if not isinstance(request.user, User):
        raise TypeError("the admin's views are for signed-in staff")
    return request.user


def roles(request: HttpRequest) -> frozenset[str]:
    """Returns the groups of the person, and `superuser` for one; empty for anybody inactive."""
    known: frozenset[str] | None = getattr(request, "portal_roles", None)
    if known is None:
        known = _roles(request)
        request.portal_roles = known  # type: ignore[attr-defined] # lives as long as the request
    return known


def _roles(request: HttpRequest) -> frozenset[str]:
    user = request.user
    if not isinstance(user, User) or not (user.is_active and user.is_staff):
        return frozenset()
    groups = EVERY_ROLE & set(user.groups.values_list("name", flat=True))
    return groups | {SUPERUSER} if user.is_superuser else groups


def datasets(request: HttpRequest) -> QuerySet[Dataset]:
    """The datasets whose affairs the person may see: all for oversight, else those maintained."""
    if roles(request) & OVERSIGHT:
        return Dataset.objects.all()
    return Dataset.objects.filter(maintainers=person(request))
