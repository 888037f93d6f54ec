"""How django-allauth's flows meet the portal's rules."""

from allauth.account.adapter import DefaultAccountAdapter


class AccountAdapter(DefaultAccountAdapter):
    """Verdict on addresses, mail through the outbox, entries for every deed."""
