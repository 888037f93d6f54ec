from django.db import connection


def queries_of_an_entry(*, personal: bool = False) -> int:
    """How many queries an entry takes, with personal values or without: see `audit.appending`."""
    return 1 if connection.vendor == "postgresql" else 2 + personal
