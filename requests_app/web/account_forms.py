"""django-allauth's forms, reading addresses our way and hiding whether an account exists."""

from typing import Any

from allauth.account import forms
from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse

from requests_app.identity import applicants, institutions
from requests_app.identity.fields import AddressField


class SignupForm(forms.SignupForm):
    """Signing up; another spelling of a mailbox that has an account is that account."""

    email = AddressField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = AddressField().label

    def validate_unique_email(self, value: str) -> str:
        email: str = super().validate_unique_email(value)
        if applicants.account_with(email) is not None:
            self.account_already_exists = True
        return email

    def try_save(self, request: HttpRequest) -> tuple[AbstractBaseUser | None, HttpResponse | None]:
        """Opens the account, or answers in the same way where somebody was a moment faster.

        Either way the page says what the address is taken for.
        """
        messages.info(request, institutions.judge(self.cleaned_data["email"]).reason)
        try:
            with transaction.atomic():
                return self._saved(request)
        except IntegrityError:
            if applicants.account_with(self.cleaned_data["email"]) is None:
                raise
            self.account_already_exists = True
            return self._saved(request)

    def _saved(self, request: HttpRequest) -> tuple[AbstractBaseUser | None, HttpResponse | None]:
        user, response = super().try_save(request)
        return user, response


class LoginForm(forms.LoginForm):
    """Signing in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = AddressField()


class ResetPasswordForm(forms.ResetPasswordForm):
    """Asking for a code to set a new password."""

    email = AddressField()


class AddEmailForm(forms.AddEmailForm):
    """Changing the address of an account."""

    email = AddressField()
