"""Who maintains a dataset."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import QuerySet

from requests_app.audit import kinds, log
from requests_app.datasets.models import Dataset
from requests_app.errors import Invalid, NotFound, Refused
from requests_app.identity.models import User
from requests_app.requests.permissions import GROUPS


def told_of_requests(dataset: Dataset) -> QuerySet[User]:
    """The maintainers who hear of the dataset's requests: those whom `visibility` shows them.

    Letters hold what applicants wrote, so somebody whose role was taken away gets none.
    """
    in_office = dataset.maintainers.filter(is_active=True, is_staff=True, groups__name__in=GROUPS)
    return in_office.distinct().order_by("pk")


@transaction.atomic
def set_maintainers(*, dataset_id: int, user_ids: Collection[int], by: User) -> Dataset:
    """Makes exactly these users the maintainers of a dataset.

    Raises NotFound; Refused unless `by` is an active superuser; Invalid when somebody is not
    active staff. Effects: the list, one entry naming who came and who left; nothing when nothing
    changes.
    """
    if not (by.is_active and by.is_superuser):
        raise Refused("Only superusers appoint maintainers.")
    dataset = Dataset.objects.select_for_update(no_key=True).filter(pk=dataset_id).first()
    if dataset is None:
        raise NotFound("There is no such dataset.")
    users = User.objects.filter(pk__in=user_ids)
    before = set(dataset.maintainers.all())
    after = set(users)
    newcomers = after - before
    if idle := [str(user) for user in newcomers if not (user.is_staff and user.is_active)]:
        sentence = f"Let them enter the admin first: {', '.join(sorted(idle))}."
        raise Invalid(sentence, {"maintainers": [sentence]})
    if before == after:
        return dataset
    dataset.maintainers.set(users)
    log.record(
        kinds.MAINTAINERS_CHANGED,
        by=by,
        on=dataset,
        added=sorted(user.audit_ref for user in newcomers),
        removed=sorted(user.audit_ref for user in before - after),
    )
    return dataset
