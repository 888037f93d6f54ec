"""Finding seals in the bytes of a PDF, and what each of them covers.

A seal signs the file from its first byte to an end it names, but for its own place. Both are read
from the bytes themselves: no part of a stranger's PDF is parsed or unpacked to judge a seal. If a
seal of ours holds, everything up to its end is what we sealed, and is safe to read.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from asn1crypto import cms, parser, x509
from pyhanko.sign.general import CMSExtractionError, extract_signer_info
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import (
    extract_certs_for_validation,
    validate_sig_integrity,
)

from requests_app.agreements.trust import Trust

_RANGE: Final = re.compile(
    rb"/ByteRange\s{0,9}\[\s{0,9}0\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*\]"
)
_PLACE: Final = re.compile(rb"<[0-9A-Fa-f]+>")
_MOST: Final = 32  # places looked at: the first and the last ones, half each
_LARGEST_PLACE: Final = 64 * 1024  # ours have 4 thousand digits, and some more with a time stamp
_MOST_CERTIFICATES: Final = 16  # a stranger may pack in millions, and reading them takes minutes
_DIGESTS: Final = frozenset({"sha256", "sha384", "sha512"})


@dataclass(frozen=True)
class Mark:
    """A seal made with a certificate of ours. `end` is where what it covers ends, in bytes.

    `contents` are the bytes that the file has for it, padded as they are.
    `holds` says whether the covered bytes are the sealed ones; `cut` that the file ends before.
    """

    certificate: x509.Certificate
    signed_data: cms.SignedData
    contents: bytes
    end: int
    holds: bool
    cut: bool


def marks(content: bytes, trust: Trust) -> list[Mark]:
    """Returns the seals in `content` made with a certificate that `trust` holds, as they stand."""
    places = list(_places(content))
    if len(places) > _MOST:
        places = places[: _MOST // 2] + places[-_MOST // 2 :]
    found = (_mark(content, place, trust) for place in places)
    return [mark for mark in found if mark is not None]


def _places(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yields where a signature may be, and where what it covers ends, in the order of the file.

    The words of a range may stand in any text, such as a name; only those count that lead to a
    place as signatures have it, and each place once.
    """
    seen = set()
    for hit in _RANGE.finditer(content):
        before, after, rest = (int(number) for number in hit.groups())
        end = after + rest
        # What names the range must itself be covered, or it would be somebody else's word.
        if not 0 < after - before <= _LARGEST_PLACE or hit.end() > end:
            continue
        bounded = content[before : before + 1] == b"<" and content[after - 1 : after] == b">"
        if bounded and (before, after, end) not in seen:
            seen.add((before, after, end))
            yield before, after, end


def _mark(content: bytes, found: tuple[int, int, int], trust: Trust) -> Mark | None:
    before, after, end = found
    place = content[before:after]
    if not _PLACE.fullmatch(place):
        return None
    try:
        contents = bytes.fromhex(place[1:-1].decode())
        message = cms.ContentInfo.load(contents)
        signed_data = message["content"]
        if len(signed_data["certificates"]) > _MOST_CERTIFICATES:
            return None
        bundle = extract_certs_for_validation(signed_data)
        if not trust.holds(bundle.signer_cert, bundle.other_certs):
            return None
        cut = end > len(content)
        covered = content[:before] + content[after:end]
        as_written = not cut and _is_as_written(place, contents)
        holds = as_written and _holds(signed_data, bundle.signer_cert, covered)
    except (ValueError, TypeError, KeyError, CMSExtractionError, SignatureValidationError):
        return None
    return Mark(bundle.signer_cert, signed_data, contents, end, holds, cut)


def _is_as_written(place: bytes, contents: bytes) -> bool:
    """Whether nothing but the signature stands in its place, which it does not cover itself."""
    padding = contents[parser.peek(contents) :]
    return place[1:-1] == contents.hex().upper().encode() and not padding.strip(b"\0")


def _holds(signed_data: cms.SignedData, certificate: x509.Certificate, covered: bytes) -> bool:
    signer = extract_signer_info(signed_data)
    algorithm = signer["digest_algorithm"]["algorithm"].native
    if algorithm not in _DIGESTS:
        return False
    digest = hashlib.new(algorithm, covered).digest()
    intact, valid = validate_sig_integrity(signer, certificate, "data", digest)
    return bool(intact and valid)


def time_stamps(mark: Mark) -> Iterator[cms.SignedData]:
    """Yields the time-stamp tokens (RFC 3161) that the seal bears, unchecked."""
    signer = extract_signer_info(mark.signed_data)
    for attribute in signer["unsigned_attrs"]:
        if attribute["type"].native == "signature_time_stamp_token":
            for token in attribute["values"]:
                yield token["content"]
