"""E-mail addresses: one spelling for each, and the parts a verdict is read from.

An address is kept as people deliver to it (plus-tag included), in lower case, its domain as
A-labels (RFC 5891, mapped by UTS #46). Beside it stands a canonical form without the plus-tag, by
which two addresses of one mailbox are recognised.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import idna
from publicsuffixlist import PublicSuffixList

from requests_app.errors import Invalid

_LOCAL_LIMIT = 64  # RFC 5321, section 4.5.3.1.1
_ADDRESS_LIMIT = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"  # RFC 5322, section 3.2.3
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")

# Scripts that a person writes together; any other pair within one label is a look-alike.
_WRITTEN_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
)


class MalformedAddress(Invalid):
    """What was typed is not an e-mail address that mail can be sent to."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, {"email": [sentence]})


@dataclass(frozen=True)
class Address:
    """A well-formed address: `local` before the at sign, `host` as lower-case A-labels after it."""

    local: str
    host: str

    @property
    def normal(self) -> str:
        """The one spelling that is stored and that mail is sent to."""
        return f"{self.local}@{self.host}"

    @property
    def canonical(self) -> str:
        """The mailbox without its plus-tag: equal for two addresses of one person."""
        mailbox = self.local.split("+", 1)[0]
        return f"{mailbox or self.local}@{self.host}"

    @property
    def display(self) -> str:
        """For people: the domain in its own script, or as A-labels where that could deceive."""
        return f"{self.local}@{self.host if self.looks_alike else unicode_host(self.host)}"

    @property
    def looks_alike(self) -> bool:
        """Whether a label of the domain mixes scripts that nobody writes together (UTS #39)."""
        return any(_mixes_scripts(label) for label in unicode_host(self.host).split("."))

    @property
    def registrable(self) -> str | None:
        """The domain somebody registered (`monash.edu`), None where the host is a public suffix."""
        return registrable(self.host)


def parse(raw: str) -> Address:
    """Read one e-mail address as a person typed it.

    Accepts any case, full-width characters, surrounding blanks, an internationalised domain and
    one trailing dot. Raises `MalformedAddress`, and nothing else, saying what is wrong.
    """
    text = unicodedata.normalize("NFKC", raw).strip(" \t")
    if not text:
        raise MalformedAddress("Enter your e-mail address.")
    if any(unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp", "Cs"} for char in text):
        raise MalformedAddress(
            "This address contains an invisible or control character. Type it again by hand."
        )
    local, at, host = text.rpartition("@")
    if not at or not local or not host:
        raise MalformedAddress("An e-mail address looks like name@university.edu. Check yours.")
    address = Address(local=_clean_local(local), host=clean_host(host))
    if len(address.normal) > _ADDRESS_LIMIT:
        raise MalformedAddress(f"An e-mail address has at most {_ADDRESS_LIMIT} characters.")
    return address


def normalise(raw: str) -> str:
    """The one spelling of an address under which it is stored. Raises `MalformedAddress`."""
    return parse(raw).normal


def canonical(raw: str) -> str:
    """The mailbox behind an address, without case and plus-tag. Raises `MalformedAddress`."""
    return parse(raw).canonical


def clean_host(raw: str) -> str:
    """Read a domain name as lower-case A-labels, without a trailing dot.

    Raises `MalformedAddress` for an IP address, a single label and what UTS #46 or STD 3 refuse.
    """
    text = unicodedata.normalize("NFKC", raw).strip(" \t")
    if text.startswith("["):
        raise MalformedAddress("Use an address at a domain name, not at an IP number.")
    try:
        host = idna.encode(text, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise MalformedAddress("The part after the @ is not a valid domain name.") from error
    host = host.removesuffix(".")
    if "." not in host:
        raise MalformedAddress("The part after the @ needs a full domain, such as university.edu.")
    if host.rpartition(".")[2].isdigit():
        raise MalformedAddress("Use an address at a domain name, not at an IP number.")
    return host


def unicode_host(host: str) -> str:
    """The domain in its own script; as it stands where a label cannot be decoded."""
    try:
        return idna.decode(host)
    except (idna.IDNAError, UnicodeError):
        return host


def chain(host: str) -> tuple[str, ...]:
    """The host and every domain above it, the longest first: what a listed domain may match."""
    labels = host.split(".")
    return tuple(".".join(labels[index:]) for index in range(len(labels)))


def is_public_suffix(host: str, *, private: bool = False) -> bool:
    """Whether names below `host` belong to different people (publicsuffix.org, the bundled list).

    Only the list's ICANN section counts unless `private`: its private section holds, among hosting
    providers, a few universities.
    """
    return _suffixes(only_icann=not private).is_public(host)


def registrable(host: str) -> str | None:
    """The public suffix of `host` and one label more; None where nothing is left for the label."""
    return _suffixes(only_icann=True).privatesuffix(host)


@cache
def _suffixes(*, only_icann: bool) -> PublicSuffixList:
    return PublicSuffixList(only_icann=only_icann)


def _clean_local(local: str) -> str:
    local = local.lower()
    if '"' in local:
        raise MalformedAddress("Addresses with quotation marks are not accepted here.")
    if not local.isascii():
        raise MalformedAddress(
            "Before the @ only unaccented letters, digits and signs can be used."
        )
    if not _DOT_ATOM.fullmatch(local):
        raise MalformedAddress("The part before the @ has a blank, dot or sign in a wrong place.")
    if len(local) > _LOCAL_LIMIT:
        raise MalformedAddress(f"The part before the @ has at most {_LOCAL_LIMIT} characters.")
    return local


def _mixes_scripts(label: str) -> bool:
    scripts = {
        unicodedata.name(char, "UNKNOWN").split(" ")[0].split("-")[0]
        for char in label
        if unicodedata.category(char).startswith("L")
    }
    return len(scripts) > 1 and not any(scripts <= together for together in _WRITTEN_TOGETHER)
