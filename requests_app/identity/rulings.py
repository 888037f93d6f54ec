"""What the operator says of an e-mail domain, over every list."""

from django.db import transaction

from requests_app.audit import kinds, log
from requests_app.errors import Invalid, Refused
from requests_app.identity.addresses import MalformedAddress, clean_host, is_public_suffix
from requests_app.identity.models import InstitutionDomain, User

Standing = InstitutionDomain.Standing


@transaction.atomic
def rule(*, domain: str, standing: str, name: str, by: User) -> InstitutionDomain:
    """Allows or denies a domain and everything below it, from now on.

    `domain` may be typed in any case or script. Raises Refused unless `by` is an active superuser;
    Invalid, with fields, for what is no domain, an ending that many share, or another standing
    than allow and deny. Effects: the row, and one entry.
    """
    if not (by.is_active and by.is_superuser):
        raise Refused("Only superusers allow or deny domains.")
    host = ruled_host(domain)
    if standing not in {Standing.ALLOW, Standing.DENY}:
        raise Invalid("Choose.", {"standing": ["Choose whether to accept or to refuse it."]})
    row = InstitutionDomain.objects.select_for_update(no_key=True).filter(domain=host).first()
    previous = row.standing if row else ""
    row = row or InstitutionDomain(domain=host)
    row.standing, row.name, row.source = standing, name.strip(), by.audit_ref
    row.save()
    log.record(
        kinds.INSTITUTION_RULED,
        by=by,
        on=row,
        standing=standing,
        previous=previous,
        name=row.name,
    )
    return row


def ruled_host(domain: str) -> str:
    """Returns the domain as it is kept (lower-case A-labels). Raises Invalid, with `domain`."""
    try:
        host = clean_host(domain.strip().removeprefix("@"))
    except MalformedAddress as error:
        sentence = "This is not a domain name. Write it like university.edu."
        raise Invalid(sentence, {"domain": [sentence]}) from error
    if is_public_suffix(host):
        sentence = f"Many organisations share {host}: name the domain of one of them."
        raise Invalid(sentence, {"domain": [sentence]})
    return host
