"""Who may: the question of the person, whatever the state of the request."""

from collections.abc import Callable

from requests_app.datasets.models import Dataset
from requests_app.identity.models import User
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import Verb

APPROVERS, REVIEWERS, AUDITORS = GROUPS = ("Approvers", "Reviewers", "Auditors")


def _is_applicant(user: User, access_request: AccessRequest) -> bool:
    return user.is_active and access_request.applicant_id == user.pk


def may_decide(user: User, access_request: AccessRequest) -> bool:
    """True for members of *Approvers* who maintain the dataset and are not the applicant.

    A superuser has no shortcut: running the server is not a mandate to hand out children's faces.
    """
    return access_request.applicant_id != user.pk and approves_for(user, access_request.dataset)


def approves_for(user: User, dataset: Dataset) -> bool:
    """True for members of *Approvers* who maintain the dataset; superusers have no shortcut."""
    return (
        user.is_active
        and user.is_staff
        and user.groups.filter(name=APPROVERS).exists()
        and dataset.maintainers.filter(pk=user.pk).exists()
    )


def _nobody(user: User, access_request: AccessRequest) -> bool:
    """It follows from the last signature, whoever gives it."""
    return False


WHO: dict[Verb, Callable[[User, AccessRequest], bool]] = {
    Verb.EDIT: _is_applicant,
    Verb.SIGN: _is_applicant,
    Verb.COLLECT: _is_applicant,
    Verb.STOP: _is_applicant,
    Verb.COMPLETE: _nobody,
    Verb.DECLINE: _is_applicant,
    Verb.WITHDRAW: _is_applicant,
    Verb.APPROVE: may_decide,
    Verb.RETURN: may_decide,
    Verb.REJECT: may_decide,
}


def may(user: User, verb: Verb, access_request: AccessRequest) -> bool:
    """Whether `user` is somebody who may do `verb` to this request at all."""
    return WHO[verb](user, access_request)
