"""How django-allauth's flows meet the portal's rules: verdicts, outbox, entries.

Only its hooks are used, never its signals. Each deed and its entry share one transaction, so an
entry that cannot be written stops the deed.
"""

from datetime import timedelta
from typing import Any, ClassVar

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.contrib.messages import constants
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from requests_app.audit import kinds, log, origin
from requests_app.errors import Misconfigured
from requests_app.identity import applicants, institutions
from requests_app.identity.addresses import MalformedAddress, parse
from requests_app.identity.models import User
from requests_app.notifications import messages

# A request is Any here: rooms know no HTTP, and hooks hand it on unread.
Request = Any

# What account pages say in place of allauth's own words; each tells what to do.
SENTENCES = {
    "account_inactive": "This account is closed. Write to the maintainers of the dataset.",
    "duplicate_email": "This is your address already. Type the new one.",
    "email_password_mismatch": "Address or password is wrong. Check both and try again.",
    "enter_current_password": "This is not your current password. Type it again.",
    "incorrect_code": "This is not the code we sent. Copy it again from the newest message.",
    "incorrect_password": "This is not your password. Type it again.",
    "same_as_current": "This is your address already. Type the new one.",
    "too_many_login_attempts": "Too many attempts. Wait a few minutes, then start again.",
    "rate_limited": "Too many attempts. Wait a few minutes, then try again.",
}


class AccountAdapter(DefaultAccountAdapter):
    """Verdict on addresses, mail through the outbox, entries for every deed."""

    error_messages: ClassVar[dict[str, Any]] = DefaultAccountAdapter.error_messages | SENTENCES

    def clean_email(self, email: str) -> str:
        """Returns the address in its one spelling; refuses it, with the verdict's reason.

        Asking for a new password is not opening an account: there only the form counts, so that a
        rule made later locks nobody out.
        """
        try:
            address = parse(email)
        except MalformedAddress as error:
            raise ValidationError(error.message, code="malformed") from error
        if not self._is_resetting():
            outcome = institutions.judge(address)
            if not outcome.accepted:
                raise ValidationError(outcome.reason, code=outcome.cause.value)
        return address.normal

    def _is_resetting(self) -> bool:
        match = getattr(self.request, "resolver_match", None)
        return match is not None and match.url_name == "account_reset_password"

    def get_client_ip(self, request: Request) -> str:
        """The address that the audit log records too."""
        return origin.current().ip or str(super().get_client_ip(request))

    # --- deeds and their entries --------------------------------------------------------------

    @transaction.atomic
    def save_user(self, request: Request, user: User, form: Any, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - allauth's signature
        saved: User = super().save_user(request, user, form, commit=commit)
        if commit:
            applicants.record_created(saved, by=saved)
        return saved

    @transaction.atomic
    def confirm_email(self, request: Request, email_address: EmailAddress) -> bool:
        """Marks the address as verified, unless its mailbox got another account meanwhile."""
        user = User.objects.select_for_update(no_key=True).get(pk=email_address.user_id)
        replaces = EmailAddress.objects.filter(user=user, verified=True).exists()
        holder, confirmed = applicants.account_with(email_address.email), False
        taken = holder is not None and holder.pk != user.pk
        try:
            with transaction.atomic():
                confirmed = not taken and super().confirm_email(request, email_address)
        except IntegrityError:  # by somebody who was a moment faster
            taken = True
        if taken:
            failed, said = "account/messages/email_confirmation_failed.txt", email_address.email
            self.add_message(request, constants.ERROR, failed, {"email": said})
        if not confirmed:
            return False
        record = applicants.record_changed if replaces else applicants.record_verified
        record(email_address.email, user, by=user)
        return True

    @transaction.atomic
    def set_password(self, user: User, password: str) -> None:
        super().set_password(user, password)
        signed_in = self.request is not None and self.request.user.is_authenticated
        how = "changed" if signed_in else "reset"
        log.record(kinds.PASSWORD_CHANGED, by=user, on=user, how=how)
        if how == "reset" and applicants.verified_email(user) and not applicants.verified_at(user):
            # The code that allowed this proved the address too, and allauth has no hook there.
            applicants.record_verified(user.email, user, by=user)

    @transaction.atomic
    def login(self, request: Request, user: User) -> None:
        records = get_authentication_records(request, user)
        method = records[-1]["method"] if records else "email_code"
        super().login(request, user)
        log.record(kinds.SIGNED_IN, by=user, on=user, method=method)

    @transaction.atomic
    def authentication_failed(self, request: Request, **credentials: Any) -> None:  # noqa: ARG002 - the hook's argument
        email = str(credentials.get("email", ""))
        log.record(kinds.SIGN_IN_FAILED, by=log.ANYONE, on=log.ANYONE, email=email)

    # --- mail, through the outbox -------------------------------------------------------------

    @transaction.atomic
    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Posts our message in place of allauth's template of that name."""
        to, now = parse(email).normal, timezone.now()
        match template_prefix.removeprefix("account/email/"):
            case "email_confirmation_signup" | "email_confirmation" as name:
                seconds = app_settings.EMAIL_VERIFICATION_BY_CODE_TIMEOUT
                messages.verification_code(
                    to=to,
                    code=context["code"],
                    valid_for=timedelta(seconds=seconds),
                    signup=name == "email_confirmation_signup",
                )
            case "account_already_exists":
                # Opening an account hashes a password and leaves an entry. So does this, or it
                # would be told apart by how soon the answer comes.
                make_password(to)
                holder = applicants.record_repeated(to)
                messages.account_exists(to=to, signs_in_as=holder.email if holder else to)
            case "unknown_account":
                messages.unknown_account(to=to)
            case "password_reset_code":
                span = timedelta(seconds=app_settings.PASSWORD_RESET_BY_CODE_TIMEOUT)
                messages.password_reset_code(to=to, code=context["code"], valid_for=span)
            case "password_changed" | "password_reset" | "password_set":
                messages.password_changed(to=to, at=now)
            case "email_changed":
                messages.email_changed(to=to, new_email=context["to_email"], at=now)
            case name:
                raise Misconfigured(f"There is no message of ours for allauth's “{name}”.")
