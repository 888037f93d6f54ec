"""The portal looks at its own document before it keeps it: would anybody find in it what is meant?

Whatever went wrong on the way, a document that does not say what its agreement says is never kept,
and never sent. What this raises is retried and told to an operator like any other failure.
"""

from hashlib import sha256
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils.generic import DictionaryObject, IndirectObject, StreamObject
from pyhanko.pdf_utils.reader import PdfFileReader

from requests_app.agreements import certificates
from requests_app.agreements.evidence import Evidence
from requests_app.agreements.models import Agreement
from requests_app.agreements.sealed_facts import evidence_in
from requests_app.agreements.sealing_keys import SealKey
from requests_app.agreements.tampering import pages_of
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import Finding, verify
from requests_app.errors import PortalError

# What leads elsewhere in the document, or to the fields that signatures lie in.
_NOT_SHOWN = frozenset({"/Parent", "/Annots", "/StructParents", "/StructParent"})


class Unsound(PortalError):
    """A document of ours is not what it should be, so it is not kept."""


def require_sound(agreement: Agreement, content: bytes, *, of: bytes, key: SealKey) -> None:
    """Raises Unsound unless `content` is the document `of`, sealed, and the agreement's own.

    It must be genuine to the verifier, bear the agreement's number, evidence and answers, and show
    on its pages, as a reader finds them, what the pages of `of` show.
    """
    trust = Trust.from_pem((certificates.published() + certificates.as_pem(key)).encode())
    verdict = verify(content, trust)
    if verdict.finding is not Finding.GENUINE or verdict.facts is None:
        raise Unsound(f"The sealed document does not verify: {verdict.sentence}")
    reader = PdfFileReader(BytesIO(content))
    told = evidence_in(reader)
    meant = {**Evidence.from_json(agreement.evidence).as_json(), "answers": agreement.values}
    if verdict.facts.number != agreement.number or told != told | meant:
        raise Unsound(f"The sealed document does not say what {agreement} says.")
    if not content.startswith(of) or shown(reader) != shown(PdfFileReader(BytesIO(of))):
        raise Unsound("The sealed document does not show what was to be sealed.")


def shown(reader: PdfFileReader) -> list[str]:
    """Returns a digest for each page of all that it is drawn with, comments and fields aside."""
    return [_digest(page) for page in pages_of(reader.root["/Pages"])]


def _digest(page: IndirectObject) -> str:
    found, seen = sha256(), set()
    rest: list[Any] = [page]
    while rest:
        each = rest.pop()
        if isinstance(each, IndirectObject):
            if (number := each.reference.idnum) in seen:
                continue
            seen.add(number)
            each = each.get_object()  # type: ignore[no-untyped-call] # pyHanko is typed in parts
        if isinstance(each, StreamObject):
            found.update(each.encoded_data)
        if isinstance(each, DictionaryObject):
            names = sorted(name for name in each if name not in _NOT_SHOWN)
            found.update(repr(names).encode())
            rest.extend(each.raw_get(name) for name in names)
        elif isinstance(each, list):
            found.update(f"[{len(each)}".encode())
            rest.extend(list.__iter__(each))  # not what they refer to
        else:
            found.update(repr(each).encode())
    return found.hexdigest()
