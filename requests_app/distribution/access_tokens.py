"""Making and revoking access tokens: secrets for command lines that stand on a grant."""

from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from requests_app.audit import kinds, log
from requests_app.distribution.access import standing
from requests_app.distribution.grants import lock_grant
from requests_app.distribution.models import AccessToken, Grant
from requests_app.distribution.tokens import Sort, digest, new_secret, write_token
from requests_app.distribution.verdicts import SENTENCES, Verdict
from requests_app.errors import Conflict, Invalid, NotFound
from requests_app.identity.models import User

MOST: Final = 10
"""Open tokens of one grant; more would hide the one that nobody needs any more."""
LONGEST_NAME: Final = 60


@transaction.atomic
def create_token(*, grant_id: UUID | str, name: str, by: User) -> tuple[AccessToken, str]:
    """Make a token for the holder of a grant; returns its row and its text, which is kept nowhere.

    Raises NotFound for anybody but the holder, Invalid without a name, and Conflict when the grant
    is not in force or has `MOST` open tokens or one of that name. Writes one entry.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise Invalid(f"Give the token a name of at most {LONGEST_NAME} characters.")
    grant = lock_grant(grant_id)
    if grant.applicant_id != by.pk or not by.is_active:
        raise NotFound("There is no such grant among yours.")
    if (found := standing(grant, timezone.now())) is not Verdict.ALLOWED:
        raise Conflict(SENTENCES[found])
    names = set(grant.access_tokens.filter(revoked_at=None).values_list("name", flat=True))
    if name in names:
        raise Conflict("You have a token of that name already. Choose another, or revoke it first.")
    if len(names) >= MOST:
        raise Conflict(f"You have {MOST} tokens already. Revoke one that you do not use.")
    secret = new_secret()
    token = AccessToken.objects.create(grant=grant, name=name, secret_sha256=digest(secret))
    log.record(kinds.TOKEN_CREATED, by=by, on=token, grant=str(grant.pk))
    return token, write_token(token.pk, secret, Sort.ACCESS)


@transaction.atomic
def revoke_token(*, token_id: UUID | str, by: User) -> AccessToken:
    """Close a token at once. Writes one entry.

    Raises NotFound for anybody but the holder of its grant, Conflict when it is closed already.
    """
    token = (
        AccessToken.objects.select_for_update(of=("self",), no_key=True)
        .select_related("grant")
        .filter(pk=token_id, grant__applicant=by)
        .first()
    )
    if token is None:
        raise NotFound("There is no such token among yours.")
    if not token.is_open(timezone.now()):
        raise Conflict("This token is revoked already.")
    return _close(token, by)


def revoke_tokens(*, grant: Grant, by: User) -> int:
    """Closes every open token of a grant; part of a verb that has the grant locked.

    Returns how many. Writes one entry for each.
    """
    opened = grant.access_tokens.select_for_update(of=("self",), no_key=True).filter(
        revoked_at=None
    )
    return len([_close(token, by) for token in opened])


def _close(token: AccessToken, by: User) -> AccessToken:
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at"])
    log.record(kinds.TOKEN_REVOKED, by=by, on=token, grant=str(token.grant_id))
    return token


def forget_names(holder: User) -> None:
    """Takes away what somebody called their access tokens; to be part of a deed that is entered."""
    AccessToken.objects.filter(grant__applicant=holder).update(name="")
