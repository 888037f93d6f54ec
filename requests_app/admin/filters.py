"""The queue's filters. What waits is shown unless somebody asks for more."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django_countries import countries

from requests_app.admin.roles import datasets
from requests_app.audit.kinds import KINDS
from requests_app.distribution.access import running_grants
from requests_app.distribution.models import Grant, GrantState
from requests_app.distribution.reconsents import suspended
from requests_app.identity.verdict import Standing
from requests_app.requests.models import AccessRequest
from requests_app.requests.states import State

STANDINGS = {
    Standing.INSTITUTION: "Institution",
    Standing.UNKNOWN: "Company or unknown",
    Standing.REFUSED: "Refused",
}
Requests = QuerySet[AccessRequest]


class StateFilter(SimpleListFilter):
    """By state; without a choice, what is submitted and waits."""

    title = "state"
    parameter_name = "state"
    ALL = "all"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        others = [state for state in State if state not in {State.DRAFT, State.SUBMITTED}]
        return [*((state.value, str(state.label)) for state in others), (self.ALL, "All")]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": "Waiting for a decision",
        }
        for value, label in self.lookup_choices:
            yield {
                "selected": self.value() == str(value),
                "query_string": changelist.get_query_string({self.parameter_name: str(value)}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: Requests) -> Requests:
        if self.value() == self.ALL:
            return queryset
        return queryset.filter(state=self.value() or State.SUBMITTED)


class StandingFilter(SimpleListFilter):
    """By what the e-mail address was worth when the request was signed."""

    title = "e-mail verdict"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(standing.value, label) for standing, label in STANDINGS.items()]

    def queryset(self, request: HttpRequest, queryset: Requests) -> Requests:
        return queryset.filter(email_standing=self.value()) if self.value() else queryset


class DatasetFilter(SimpleListFilter):
    """By dataset, among those the person may see."""

    title = "dataset"
    parameter_name = "dataset"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(datasets(request).order_by("title").values_list("slug", "title"))

    def queryset(self, request: HttpRequest, queryset: Requests) -> Requests:
        return queryset.filter(dataset__slug=self.value()) if self.value() else queryset


class CountryFilter(SimpleListFilter):
    """By country, among those that occur."""

    title = "country"
    parameter_name = "country"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        seen = model_admin.get_queryset(request).order_by().values_list("country", flat=True)
        codes = set(seen.distinct())
        return [(code, name) for code, name in countries if code in codes]

    def queryset(self, request: HttpRequest, queryset: Requests) -> Requests:
        return queryset.filter(country=self.value()) if self.value() else queryset


class GrantStateFilter(SimpleListFilter):
    """By the derived state of a grant, now."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        states = [(state.value, state.value.capitalize()) for state in GrantState]
        return [*states, ("suspended", "Active, but suspended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Grant]) -> QuerySet[Grant]:
        now = timezone.now()
        revoked = Q(revoked_at__isnull=False, revoked_at__lte=now)
        running = Q(starts_at__lte=now, ends_at__gt=now)
        match self.value():
            case GrantState.REVOKED:
                return queryset.filter(revoked)
            case GrantState.ACTIVE:
                return queryset.filter(running).exclude(revoked)
            case "suspended":
                waiting = running_grants(now).filter(suspended(now))
                return queryset.filter(pk__in=waiting.values("pk"))
            case GrantState.EXPIRED:
                return queryset.exclude(running).exclude(revoked)
        return queryset


class KindFilter(SimpleListFilter):
    """By the kind of an entry, from the table of kinds."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, kind) for kind in sorted(KINDS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset
