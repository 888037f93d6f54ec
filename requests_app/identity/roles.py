"""Who of the staff may do what: changed by a superuser, and recorded."""

from collections.abc import Collection

from django.contrib.auth.models import Group
from django.db import transaction

from requests_app.audit import kinds, log
from requests_app.errors import Conflict, NotFound, Refused
from requests_app.identity.models import User

FLAGS = ("is_active", "is_staff", "is_superuser")


@transaction.atomic
def change_roles(
    *,
    user_id: int,
    by: User,
    groups: Collection[str],
    is_active: bool,
    is_staff: bool,
    is_superuser: bool,
) -> User:
    """Sets a user's groups (by name) and flags.

    Raises NotFound; Refused unless `by` is an active superuser; Conflict when a superuser would
    shut themselves out. Effects: the row, its groups, one entry with the roles before and after;
    nothing when nothing changes.
    """
    if not (by.is_active and by.is_superuser):
        raise Refused("Only superusers change roles.")
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise NotFound("There is no such user.")
    if user.pk == by.pk and not (is_active and is_staff and is_superuser):
        raise Conflict("You cannot shut yourself out: ask another superuser to do it.")
    before = roles_of(user)
    user.is_active, user.is_staff, user.is_superuser = is_active, is_staff, is_superuser
    user.save(update_fields=list(FLAGS))
    user.groups.set(Group.objects.filter(name__in=groups))
    after = roles_of(user)
    if before != after:
        log.record(kinds.ROLES_CHANGED, by=by, on=user, before=before, after=after)
    return user


def roles_of(user: User) -> list[str]:
    """Returns the user's flags and groups, in a fixed order."""
    flags = [flag for flag in FLAGS if getattr(user, flag)]
    return [*flags, *user.groups.order_by("name").values_list("name", flat=True)]
