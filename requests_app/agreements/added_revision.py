"""Is a PDF another one with a single update added to it, as every reader would find it?

That a file begins with the bytes of another proves little: readers start at its end and follow the
cross-reference sections from there (ISO 32000-2, 7.5.6), so a whole other document may stand behind
the first. What is added must lead back into the very sections of the first, bring its objects where
its one section says, and hold nothing that a reader which looks for itself could take for more.
"""

import re
from collections import defaultdict
from io import BytesIO
from typing import Any, Final

from pyhanko.pdf_utils.generic import Reference
from pyhanko.pdf_utils.metadata.model import XmpValue
from pyhanko.pdf_utils.metadata.xmp_xml import parse_xmp
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import XRefSectionMetaInfo, XRefSectionType

_HEAD: Final = re.compile(rb"(?<![0-9])(\d{1,10})\s+(\d{1,5})\s+obj\b")
_OBJ: Final = re.compile(rb"[\s\0\d]obj\b")  # however what stands before it is spelt
_ONCE: Final = (b"startxref", b"%%EOF")
_SIGNS: Final = b"/ByteRange"
_NEVER: Final = (b"%PDF-", b"/XRefStm", b"/Extends", b"/Encrypt")
_END: Final = re.compile(rb"startxref\s+(\d{1,10})\s+%%EOF\s*\Z")
_MAY_CHANGE: Final = frozenset({"/ModDate", "/Producer"})
_XMP_MAY_CHANGE: Final = frozenset(
    {
        ("http://ns.adobe.com/xap/1.0/", "ModifyDate"),
        ("http://ns.adobe.com/xap/1.0/", "MetadataDate"),
        ("http://ns.adobe.com/pdf/1.3/", "Producer"),
        ("http://purl.org/dc/elements/1.1/", "format"),
    }
)
_IDENTIFIERS: Final = "http://ns.adobe.com/xap/1.0/mm/"  # of the file's states, not of its content


def is_one_update(
    before: PdfFileReader, after: PdfFileReader, content: bytes, start: int, *, signs: bool = True
) -> bool:
    """Whether `content`, read as `after`, is `before` with one update, which begins at `start`.

    It must hold one signature, or none where it does not sign. What the update changes is another
    question.
    """
    count = before.xrefs.total_revisions
    if after.xrefs.total_revisions != count + 1:
        return False
    sections = [after.xrefs.get_xref_container_info(each) for each in range(count + 1)]
    if any(
        _place(before.xrefs.get_xref_container_info(each)) != _place(sections[each])
        for each in range(count)
    ):
        return False
    return (
        _is_plain(content[start:], signatures=int(signs))
        and _is_named_by_the_end(sections[count], content, start)
        and _root(before) == _root(after)
        and _brings_what_it_names(after, content, start)
    )


def says_the_same(before: PdfFileReader, after: PdfFileReader) -> bool:
    """Whether both say the same of themselves: title, author and all else but dates and program."""
    return _described(before) == _described(after) and _xmp(before) == _xmp(after)


def _place(section: XRefSectionMetaInfo) -> tuple[object, ...]:
    return (
        section.xref_section_type,
        section.declared_startxref,
        section.start_location,
        section.end_location,
        section.size,
    )


def _root(reader: PdfFileReader) -> tuple[int, int]:
    reference = reader.trailer_view.raw_get("/Root").reference
    return reference.idnum, reference.generation


def _is_plain(added: bytes, signatures: int) -> bool:
    once = all(added.count(each) == 1 for each in _ONCE) and added.count(_SIGNS) == signatures
    return once and not any(each in added for each in _NEVER)


def _is_named_by_the_end(section: XRefSectionMetaInfo, content: bytes, start: int) -> bool:
    """Whether the file ends by naming the place of this section, and it is there to the byte."""
    end = _END.search(content, start)
    if end is None or int(end[1]) != section.declared_startxref or int(end[1]) < start:
        return False
    match section.xref_section_type:
        case XRefSectionType.STANDARD:
            return content.startswith(b"xref", int(end[1]))
        case XRefSectionType.STREAM:
            return _HEAD.match(content, int(end[1])) is not None
    return False


def _brings_what_it_names(after: PdfFileReader, content: bytes, start: int) -> bool:
    """Whether each object of the update is where the section says, and there are no others."""
    last = after.xrefs.total_revisions - 1
    section = after.xrefs.get_xref_data(last)
    named = {place: (number, gen) for number, (gen, place) in section.standard_xrefs.items()}
    heads = {hit.start(): (int(hit[1]), int(hit[2])) for hit in _HEAD.finditer(content, start)}
    info = after.xrefs.get_xref_container_info(last)
    if info.stream_ref is not None:  # it need not name itself
        named[info.start_location] = (info.stream_ref.idnum, info.stream_ref.generation)
    if heads != named or section.hybrid is not None:
        return False
    if len(_OBJ.findall(content, start)) != len(heads):
        return False
    return section.obj_streams_used <= section.standard_xrefs.keys() and all(
        _packs_what_is_named(after, number, section.xrefs_in_objstm)
        for number in section.obj_streams_used
    )


def _packs_what_is_named(after: PdfFileReader, stream: int, packed: dict[int, Any]) -> bool:
    """Whether an object stream (ISO 32000-2, 7.5.7) holds what the section says, and no more."""
    found: Any = after.get_object(Reference(stream, 0, after))  # type: ignore[no-untyped-call] # pyHanko is typed in parts
    count, first = int(found["/N"]), int(found["/First"])
    numbers = [int(each) for each in found.data[:first].split()[::2]]
    named = {
        place.ix_in_stream: number
        for number, place in packed.items()
        if place.obj_stream_id == stream
    }
    return len(numbers) == count and dict(enumerate(numbers)) == named


def _described(reader: PdfFileReader) -> dict[str, str]:
    has_info = "/Info" in reader.trailer_view
    info = reader.trailer_view["/Info"] if has_info else {}
    return {str(name): str(info[name]) for name in info if name not in _MAY_CHANGE}


def _xmp(reader: PdfFileReader) -> dict[tuple[str, str], list[XmpValue]]:
    """What the metadata stream says of the document; the names are a namespace and a word."""
    said: defaultdict[tuple[str, str], list[XmpValue]] = defaultdict(list)
    if "/Metadata" not in reader.root:
        return said
    for part in parse_xmp(BytesIO(reader.root["/Metadata"].data)):
        for name, value in part:
            key = (name.ns, name.local_name)
            if key not in _XMP_MAY_CHANGE and name.ns != _IDENTIFIERS:
                said[key].append(value)
    return said
