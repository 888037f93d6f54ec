"""What signing programs add after a signature so that it can be validated for long (PAdES B-LT).

Certificates, revocation lists and answers go into a document security store (ETSI EN 319 142-1,
5.4.2), and since they are about a finished signature, in an update of their own behind it.
"""

from io import BytesIO
from typing import Any, Final

from pyhanko.pdf_utils.generic import ArrayObject, DictionaryObject, IndirectObject
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.dss import DocumentSecurityStore

from requests_app.agreements.added_revision import is_one_update, says_the_same
from requests_app.agreements.inspection import shown

_MAY_COME: Final = frozenset({"/DSS", "/Extensions"})
"""Entries of the catalogue: the store, and that the file has one (ISO 32000-2, 7.12)."""


def only_adds_validation_data(signed: bytes, whole: bytes) -> bool:
    """Whether `whole` is `signed` with one update that brings such a store and nothing else.

    Of all that was there, the update may touch the catalogue, and in it the store alone, and what
    the document says of itself, which must stay the same. So it changes nothing that is shown.
    """
    before, after = PdfFileReader(BytesIO(signed)), PdfFileReader(BytesIO(whole))
    return (
        is_one_update(before, after, whole, len(signed), signs=False)
        and _touched(after) <= _may_be_touched(before)
        and _has_store(after)
        and _catalogue(before) == _catalogue(after)
        and says_the_same(before, after)
        and shown(before) == shown(after)
    )


def _has_store(reader: PdfFileReader) -> bool:
    """Raises what parsers do for one that cannot be read: the seal's own data could not join it."""
    if "/DSS" not in reader.root or not isinstance(reader.root["/DSS"], DictionaryObject):
        return False
    list(DocumentSecurityStore.read_dss(reader).load_certs())
    return True


def _touched(reader: PdfFileReader) -> set[int]:
    """The objects of earlier updates that the last one brings anew or takes away."""
    last = reader.xrefs.total_revisions - 1
    size = reader.xrefs.get_xref_container_info(last - 1).size
    named = reader.xrefs.get_xref_data(last).explicit_refs_in_revision
    return {number for number, _ in named if number < size}


def _may_be_touched(reader: PdfFileReader) -> set[int]:
    """The catalogue, what the document says of itself, and the head of the list of free numbers."""
    found = {0, reader.trailer_view.raw_get("/Root").reference.idnum}
    for holder, name in ((reader.trailer_view, "/Info"), (reader.root, "/Metadata")):
        if name in holder:
            found.add(holder.raw_get(name).reference.idnum)
    return found


def _catalogue(reader: PdfFileReader) -> dict[str, Any]:
    root = reader.root
    return {str(name): _plain(root.raw_get(name)) for name in root if name not in _MAY_COME}


def _plain(found: Any) -> Any:
    """What an entry says, whichever reader it comes from; what it refers to, by its number."""
    match found:
        case IndirectObject():
            return found.idnum, found.generation
        case DictionaryObject():
            return {str(name): _plain(found.raw_get(name)) for name in found}
        case ArrayObject():
            return [_plain(each) for each in list.__iter__(found)]
    return type(found), repr(found)  # a name is no text that is spelt like it
