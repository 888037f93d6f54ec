"""Taking a person out of a request: what they wrote and who they named goes, the request stays."""

from requests_app.requests.answers import ANSWERS
from requests_app.requests.models import AccessRequest


def blank(access_request: AccessRequest) -> None:
    """Empties the answers of a request, its copy of the address, and its named people.

    Part of a verb that has locked the row and writes the entry. An uploaded ethics approval is
    evidence, which the database refuses to delete.
    """
    names = [*ANSWERS, "email", "email_reason"]
    empty = AccessRequest()
    for name in names:
        setattr(access_request, name, getattr(empty, name))
    access_request.save(update_fields=[*names, "updated_at"])
    access_request.named_people.all().delete()


def unname(access_request: AccessRequest, address: str) -> None:
    """Takes one person out of a request that names them. Part of a verb that locked the row."""
    access_request.named_people.filter(email__iexact=address).delete()
    if access_request.signatory_email.casefold() == address.casefold():
        names = ["signatory_name", "signatory_position", "signatory_email"]
        for name in names:
            setattr(access_request, name, "")
        access_request.save(update_fields=[*names, "updated_at"])
