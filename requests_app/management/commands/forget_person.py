"""`manage.py forget_person ADDRESS --reason TEXT`: take a person out of the portal."""

from typing import Any

from django.core.management.base import CommandParser

from requests_app.audit import log
from requests_app.identity.applicants import account_with
from requests_app.lifecycle.forgetting import forget, forget_address
from requests_app.management.command import PortalCommand


class Command(PortalCommand):
    help = (
        "Pseudonymise an account and erase what names the person. Signed agreements stay as long "
        "as they must be kept; the result names them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "address", metavar="ADDRESS", help="of an account, or of somebody named in a request"
        )
        parser.add_argument("--reason", required=True, help="kept in the log: do not name anybody")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        user = account_with(options["address"])
        said = {"by": log.OPERATOR, "reason": options["reason"]}
        if user is None:
            done = forget_address(address=options["address"], **said)
        else:
            done = forget(user_id=user.pk, **said)
        kept = [{"agreement": each.number, "why": each.why} for each in done.kept]
        ref = user and user.audit_ref
        return {"account": ref, "values_erased": done.values, "kept": kept}

    def describe(self, result: dict[str, Any]) -> str:
        account, erased = result["account"], f"{result['values_erased']} values were erased"
        became = f"{account} is a pseudonym now" if account else "There was no account"
        lines = [f"{became}; {erased} from the log."]
        return "\n".join([*lines, *(each["why"] for each in result["kept"])])
