"""Accounts: whose mailbox they are, since when, and taking a person out of one."""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils import timezone

from requests_app.audit import kinds, log, reading
from requests_app.errors import Conflict, NotFound
from requests_app.identity import institutions
from requests_app.identity.addresses import canonical, parse
from requests_app.identity.models import User
from requests_app.identity.verdict import Verdict
from requests_app.notifications import messages

_PSEUDONYM = "pseudonym-{}@pseudonymised.invalid"


def account_with(address: str) -> User | None:
    """The account of the mailbox, whatever case or plus-tag the address is written with.

    Raises `MalformedAddress` for what is no address.
    """
    return User.objects.filter(canonical_email=canonical(address)).first()


def verified_email(user: User) -> str | None:
    """The address that the user has shown to be theirs; None before that."""
    verified = EmailAddress.objects.filter(user=user, email=user.email, verified=True)
    return user.email if verified.exists() else None


def verified_at(user: User) -> datetime | None:
    """When the user's present address was verified (UTC), by the audit log; None before that."""
    if verified_email(user) is None:
        return None
    return reading.last_at((kinds.EMAIL_VERIFIED, kinds.EMAIL_CHANGED), on=user)


def verdict_on(user: User) -> Verdict:
    """The verdict on the user's address by the rules and lists of this moment."""
    return institutions.judge(user.email)


@transaction.atomic
def pseudonymise(*, user_id: int, by: log.Audited, reason: str) -> User:
    """Takes the person out of an account and closes it; what refers to it stays.

    Raises NotFound, and Conflict the second time. Effects: name, address, password, roles and
    addresses are gone, so are open sessions; one entry with the `reason`, which must not name the
    person.
    """
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise NotFound("There is no such account.")
    if user.pseudonymised_at is not None:
        raise Conflict("This account was pseudonymised before.")
    EmailAddress.objects.filter(user=user).delete()
    user.email, user.full_name = _PSEUDONYM.format(user.pk), ""
    user.is_active = user.is_staff = user.is_superuser = False
    user.pseudonymised_at = timezone.now()
    user.set_unusable_password()
    user.groups.clear()
    user.user_permissions.clear()
    user.save()
    log.record(kinds.ACCOUNT_PSEUDONYMISED, by=by, on=user, reason=reason)
    return user


@transaction.atomic
def set_password(*, user_id: int, password: str, by: log.Audited) -> User:
    """Gives an account another password, which was validated, for somebody else than its person.

    Raises NotFound; Conflict for one that was pseudonymised. Effects: the password, and with it the
    end of open sessions; a message to the person; one entry.
    """
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise NotFound("There is no such account.")
    if user.pseudonymised_at is not None:
        raise Conflict("This account was pseudonymised: nobody signs in with it.")
    user.set_password(password)
    user.save(update_fields=["password"])
    messages.password_changed(to=user.email, at=timezone.now())
    log.record(kinds.PASSWORD_CHANGED, by=by, on=user, how="set")
    return user


def record_created(user: User, *, by: log.Audited) -> None:
    """The entry that an account came to be, with the verdict on its address."""
    _record_address(kinds.ACCOUNT_CREATED, user.email, user, by)


def record_repeated(email: str) -> User | None:
    """The entry that somebody tried to sign up with a mailbox that has an account.

    Returns the account; None, and no entry, where there is none.
    """
    holder = account_with(email)
    if holder is not None:
        _record_address(kinds.SIGN_UP_REPEATED, email, holder, log.ANYONE)
    return holder


def record_verified(email: str, user: User, *, by: log.Audited) -> None:
    """The entry that an address was shown to be the user's, with the verdict on it."""
    _record_address(kinds.EMAIL_VERIFIED, email, user, by)


def record_changed(email: str, user: User, *, by: log.Audited) -> None:
    """The entry that a verified address took the place of the one before."""
    _record_address(kinds.EMAIL_CHANGED, email, user, by)


def _record_address(kind: str, email: str, user: User, by: log.Audited) -> None:
    outcome = institutions.judge(email)
    domain = parse(email).host
    log.record(kind, by=by, on=user, standing=outcome.standing.value, domain=domain, email=email)
