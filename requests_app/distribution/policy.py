"""What a dataset's operator allows of downloads, as data: one row for each dataset that differs.

A limit left empty in the row, and every dataset without one, has the portal's own (settings).
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q

from requests_app import conf
from requests_app.audit import kinds, log
from requests_app.datasets.models import Dataset
from requests_app.distribution.grants import lock_grant
from requests_app.distribution.models import Grant
from requests_app.errors import Invalid, Refused
from requests_app.identity.models import User
from requests_app.requests.permissions import may_decide

FIELDS: Final = ("link_days", "links_alive", "concurrent", "bytes_per_day", "page_sign_in")
_MOST: Final = {
    "link_days": (36_500, "days"),
    "links_alive": (10_000, "links"),
    "concurrent": (10_000, "downloads at once"),
    "bytes_per_day": (2**53 - 1, "bytes"),
}
_MOST_NETWORKS: Final = 50
_MAPPED: Final = 96  # bits before an IPv4 address in IPv6

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class DownloadPolicy(models.Model):
    """Limits of one dataset; null means the portal's own."""

    dataset = models.OneToOneField(
        Dataset, on_delete=models.PROTECT, related_name="download_policy"
    )
    link_days = models.PositiveIntegerField(
        "days a link lives", null=True, blank=True, help_text="Never longer than its grant."
    )
    links_alive = models.PositiveIntegerField(
        "links alive for each grant",
        null=True,
        blank=True,
        help_text="One more closes the oldest.",
    )
    concurrent = models.PositiveIntegerField(
        "downloads at once for each grant", null=True, blank=True
    )
    bytes_per_day = models.PositiveBigIntegerField(
        "bytes a day for each grant", null=True, blank=True, help_text="A day of UTC; 0: no limit."
    )
    page_sign_in = models.BooleanField(
        "sign-in to open the page of a link",
        null=True,
        blank=True,
        help_text="Addresses of files work in command lines without.",
    )

    class Meta:
        verbose_name_plural = "download policies"
        constraints = (
            models.CheckConstraint(
                condition=(Q(link_days=None) | Q(link_days__gte=1))
                & (Q(links_alive=None) | Q(links_alive__gte=1))
                & (Q(concurrent=None) | Q(concurrent__gte=1)),
                name="download_policy_lets_somebody_in",
            ),
        )

    def __str__(self) -> str:
        return f"Download policy of {self.dataset}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts for one dataset. `bytes_per_day` 0 is no limit."""

    link_term: timedelta
    links_alive: int
    concurrent: int
    bytes_per_day: int
    page_sign_in: bool


def limits_of(policy: DownloadPolicy | None) -> Limits:
    """The limits that a dataset's row says, the portal's own where it says nothing."""
    own = {name: getattr(policy, name) for name in FIELDS} if policy else dict.fromkeys(FIELDS)
    days, most = own["link_days"], conf.download_limits()
    return Limits(
        link_term=timedelta(days=days) if days else conf.link_term(),
        links_alive=own["links_alive"] or most.links_alive,
        concurrent=own["concurrent"] or most.concurrent,
        bytes_per_day=_or(own["bytes_per_day"], most.bytes_per_day),
        page_sign_in=bool(_or(own["page_sign_in"], most.page_sign_in)),
    )


def policy_of(dataset_id: int) -> DownloadPolicy | None:
    """The row of a dataset, if it has one."""
    return DownloadPolicy.objects.filter(dataset=dataset_id).first()


@transaction.atomic
def set_policy(*, dataset_id: int, values: Mapping[str, Any], by: User) -> DownloadPolicy:
    """Sets the limits of a dataset; `values` by name as in `FIELDS`, None for the portal's own.

    Raises Refused for anybody but a superuser, Invalid for a limit that would let nobody in or is
    larger than can be counted.
    Effects: one entry with the old and the new values, unless nothing changes.
    """
    if not (by.is_active and by.is_superuser):
        raise Refused("Only superusers set what a dataset allows of downloads.")
    check_values(values)
    dataset = Dataset.objects.select_for_update(no_key=True).get(pk=dataset_id)
    policy = policy_of(dataset_id) or DownloadPolicy(dataset=dataset)
    before = {name: getattr(policy, name) for name in FIELDS}
    after = {name: values[name] for name in FIELDS}
    if before != after or policy.pk is None:
        for name, value in after.items():
            setattr(policy, name, value)
        policy.save()
        log.record(kinds.DOWNLOAD_POLICY_CHANGED, by=by, on=dataset, before=before, after=after)
    return policy


def check_values(values: Mapping[str, Any]) -> None:
    """Raises Invalid for a limit that would let nobody in, or is larger than can be counted."""
    if any(values.get(name) == 0 for name in ("link_days", "links_alive", "concurrent")):
        raise Invalid("A limit of 0 would let nobody in. Revoke grants instead, or leave it empty.")
    # Beyond these no date and no entry of the log can say it, and every download would fail.
    for name, (most, what) in _MOST.items():
        if (values.get(name) or 0) > most:
            raise Invalid(f"At most {most:,} {what}: leave it empty for the portal's own limit.")


@transaction.atomic
def set_networks(*, grant_id: UUID | str, networks: str, by: User) -> Grant:
    """Says from which networks the bytes of a grant may be fetched; empty for any.

    `networks` is addresses or networks (CIDR) apart by blanks, commas or lines. Raises NotFound;
    Refused unless `by` may decide about the grant's request; Invalid for what is no network.
    Effects: one entry with the old and the new list, unless nothing changes.
    """
    grant = lock_grant(grant_id)
    if not may_decide(by, grant.access_request):
        raise Refused("Only approvers of this dataset may say where it is fetched from.")
    before, after = grant.networks, clean_networks(networks)
    if before != after:
        grant.networks = after
        grant.save(update_fields=["networks"])
        log.record(kinds.GRANT_NETWORKS_CHANGED, by=by, on=grant, before=before, after=after)
    return grant


def clean_networks(text: str) -> str:
    """The networks in one spelling. Raises Invalid with a sentence that names the wrong one."""
    found = text.replace(",", " ").split()
    if len(found) > _MOST_NETWORKS:
        raise Invalid(f"At most {_MOST_NETWORKS} networks can be named.")
    clean = []
    for each in found:
        try:
            clean.append(str(_unmapped(ipaddress.ip_network(each))))
        except ValueError as error:
            example = "Write it like 192.0.2.0/24 or 2001:db8::/32."
            raise Invalid(f"{each[:60]!r} is not a network. {example}") from error
    return " ".join(dict.fromkeys(clean))


def _unmapped(network: Network) -> Network:
    """An IPv4 network written as ::ffff:192.0.2.0/120 (RFC 4291 section 2.5.5.2) is one of IPv4."""
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED:
        return network
    return ipaddress.ip_network((mapped, network.prefixlen - _MAPPED))


def is_inside(ip: str, networks: str) -> bool:
    """Whether an address lies in one of the networks; anywhere does where none is named."""
    if not networks:
        return True
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    # A server that listens on both families names an IPv4 client ::ffff:192.0.2.1.
    same = {address, getattr(address, "ipv4_mapped", None) or address}
    return any(each in network for network in _parsed(networks) for each in same)


@lru_cache(maxsize=256)
def _parsed(networks: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(each) for each in networks.split())


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value
