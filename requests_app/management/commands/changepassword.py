"""`manage.py changepassword ADDRESS`: in place of Django's, which leaves no entry."""

from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from requests_app.audit import log
from requests_app.identity.applicants import account_with, set_password
from requests_app.management.command import PortalCommand, Stopped


class Command(PortalCommand):
    help = "Set the password of an account. It is an entry, and the person is told by e-mail."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("address", metavar="ADDRESS", help="of the account")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        user = account_with(options["address"])
        if user is None:
            raise Stopped("There is no account with this address.", returncode=1)
        password = getpass("New password: ")
        if password != getpass("The same again: "):
            raise CommandError("The two differ: nothing was changed.", returncode=2)
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise Stopped("\n".join(error.messages), returncode=1) from error
        set_password(user_id=user.pk, password=password, by=log.OPERATOR)
        return {"account": user.audit_ref}

    def describe(self, result: dict[str, Any]) -> str:
        return f"{result['account']} has a new password, and is told so."
