"""`manage.py forget_person ADDRESS --reason TEXT`: take a person out of the portal."""

from typing import Any

from django.core.management.base import CommandParser

from requests_app.audit import log
from requests_app.errors import NotFound
from requests_app.identity.applicants import account_with
from requests_app.lifecycle.forgetting import forget
from requests_app.management.command import PortalCommand


class Command(PortalCommand):
    help = (
        "Pseudonymise an account and erase what names the person. Signed agreements stay as long "
        "as they must be kept; the result names them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("address", metavar="ADDRESS", help="the account's e-mail address")
        parser.add_argument("--reason", required=True, help="kept in the log: do not name anybody")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        user = account_with(options["address"])
        if user is None:
            raise NotFound("There is no account with this address.")
        done = forget(user_id=user.pk, by=log.OPERATOR, reason=options["reason"])
        kept = [{"agreement": each.number, "why": each.why} for each in done.kept]
        return {"account": user.audit_ref, "values_erased": done.values, "kept": kept}

    def describe(self, result: dict[str, Any]) -> str:
        lines = [
            f"{result['account']} is a pseudonym now; {result['values_erased']} values were erased "
            "from the log."
        ]
        return "\n".join([*lines, *(each["why"] for each in result["kept"])])
