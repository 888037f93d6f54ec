"""Where things are in the admin, and what a look at them costs, for tests."""

from typing import Any

from django.urls import reverse

from tests.factories.log import queries_of_an_entry


def at(name: str, *args: Any) -> str:
    return reverse(f"admin:requests_app_{name}", args=args)


def page_of(access_request: Any) -> str:
    return at("accessrequest_change", access_request.pk)


def form_of(access_request: Any, verb: str) -> str:
    return at(f"accessrequest_{verb}", access_request.pk)


QUEUE = "accessrequest_changelist"
THE_LOOK = queries_of_an_entry(personal=True)
"""Queries for the entry that every look by staff leaves."""
