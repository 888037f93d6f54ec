"""A member leaves a running grant alone: the grant and everybody else stay."""

from functools import partial
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from requests_app.agreements import gathering
from requests_app.agreements.inviting import addressed_to
from requests_app.agreements.parties import signed_by
from requests_app.agreements.signatories import Signatory
from requests_app.audit import kinds, log
from requests_app.distribution import links
from requests_app.distribution.access import running_grants
from requests_app.distribution.access_tokens import revoke_tokens
from requests_app.distribution.grants import lock_grant
from requests_app.distribution.models import Grant, MemberRemoval
from requests_app.distribution.reconsents import stands_on
from requests_app.errors import Conflict, NotFound, Refused
from requests_app.identity.models import User
from requests_app.notifications import invitations, messages
from requests_app.requests import reasons
from requests_app.requests.maintainers import told_of_requests
from requests_app.requests.models import AccessRequest
from requests_app.requests.permissions import may_decide

NO_REASON = "Say why: the member, the holder and the maintainers read it."


def members(access_request: AccessRequest) -> list[Signatory]:
    """Returns who may use the data besides the holder, under the grant that runs now."""
    grant = running_grants(timezone.now()).filter(access_request=access_request).first()
    return members_of(grant) if grant else []


def members_of(grant: Grant) -> list[Signatory]:
    """Returns the members who signed the agreement that the grant stands on and did not leave."""
    left = set(grant.member_removals.values_list("email", flat=True))
    return [
        each
        for each in signed_by(stands_on(grant))
        if each.role == Signatory.Role.MEMBER and each.email.lower() not in left
    ]


@transaction.atomic
def remove_member(*, signatory_id: UUID | str, by: User, reason: str) -> MemberRemoval:
    """Takes a member out of a running grant, for its holder or an approver of the dataset.

    Raises NotFound; Refused for anybody else; Invalid without a reason; Conflict when the person is
    not a member of a running grant. Effects, all or none: the removal, the person gone from the
    request (so that no new version names them), one entry, messages to the member, the holder and
    the maintainers, the grant's access tokens revoked, and fresh download links: the member may
    know either.
    """
    reason = reasons.clean(reason, required=NO_REASON)
    found = Signatory.objects.filter(pk=signatory_id, role=Signatory.Role.MEMBER)
    request = found.values("agreement__access_request")
    # The request first, as everything that moves it does, then the grant.
    locked = AccessRequest.objects.select_for_update(of=("self",), no_key=True).filter(
        pk__in=request
    )
    access_request = locked.select_related("applicant", "dataset").first()
    if access_request is None:
        raise NotFound("There is no such member.")
    is_holder = by.is_active and access_request.applicant_id == by.pk
    if not (is_holder or may_decide(by, access_request)):
        raise Refused("Only the holder of the grant and approvers of the dataset may do this.")
    running = running_grants(timezone.now()).filter(access_request=access_request).first()
    member = next((each for each in members(access_request) if each.pk == found.get().pk), None)
    if running is None or member is None:
        raise Conflict("They are not a member of a grant that runs, so there is nothing to remove.")
    grant = lock_grant(running.pk)
    removal = MemberRemoval.objects.create(
        grant=grant, signatory=member, email=member.email.lower(), reason=reason, by=by
    )
    access_request.named_people.filter(email__iexact=member.email).delete()
    gathering.drop(access_request, email=member.email, by=by, reason=reason)
    number = member.agreement.number
    log.record(
        kinds.MEMBER_REMOVED, by=by, on=member, grant=str(grant.pk), agreement=number, reason=reason
    )
    invitations.member_removed(**addressed_to(member), reason=reason)
    tokens = revoke_tokens(grant=grant, by=by)
    _tell_others(access_request, member, reason=reason, by_holder=is_holder, tokens=tokens)
    links.replace_links(grant=grant)
    return removal


def _tell_others(
    access_request: AccessRequest, member: Signatory, *, reason: str, by_holder: bool, tokens: int
) -> None:
    letter = messages.Letter(
        to=access_request.applicant.email,
        full_name=access_request.legal_name,
        dataset_title=access_request.dataset.title,
        research_title=str(access_request),
        reason=reason,
        path=reverse("request_detail", args=[access_request.pk]),
        trail=access_request.audit_trail,
    )
    tell = partial(
        invitations.member_removed_notice, signatory_name=member.name, by_holder=by_holder
    )
    tell(**letter, to_maintainer=False, tokens=tokens)
    letter["path"] = reverse("admin:requests_app_accessrequest_change", args=[access_request.pk])
    for maintainer in told_of_requests(access_request.dataset):
        letter["to"], letter["full_name"] = maintainer.email, maintainer.full_name
        tell(**letter, to_maintainer=True)
