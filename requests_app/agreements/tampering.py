"""What was added to a PDF after it was sealed, in words.

The sealed part says what each of its objects is; the added part is only searched for the numbers of
the objects it brings. What is packed is unpacked to a limit, for it may come from anybody.
"""

import re
import zlib
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from typing import Any, Final

from pyhanko.pdf_utils.generic import DictionaryObject, IndirectObject
from pyhanko.pdf_utils.reader import PdfFileReader

_OBJECT: Final = re.compile(rb"(?<!\d)(\d{1,9})\s+\d{1,5}\s+obj\b")
_PACKED: Final = re.compile(rb"/ObjStm\b")
_STREAM: Final = re.compile(rb"\bstream\r?\n")
_LONGEST_HEAD: Final = 2000
_MOST_UNPACKED: Final = 1024 * 1024
_MOST_PACKED: Final = 100
_MOST_TOLD: Final = 10


def changes(content: bytes, end: int) -> tuple[str, ...]:
    """Returns sentences on what lies in `content` after the sealed part, which ends at `end`."""
    added = content[end:]
    numbers = set(_objects(added))
    if not numbers:
        size = f"{len(added):,} bytes were" if len(added) > 1 else "1 byte was"
        return (f"{size} added, with nothing in it that a PDF reader shows.",)
    known = _known(content[:end])
    told = sorted({known[number] for number in numbers & known.keys()}, key=_order)
    new = len(numbers - known.keys())
    sentences = [f"{what} was changed." for what in told[:_MOST_TOLD]]
    if len(told) > _MOST_TOLD:
        sentences.append(f"{len(told) - _MOST_TOLD} more parts were changed.")
    if new:
        sentences.append(f"{new:,} new object{'s were' if new > 1 else ' was'} added.")
    return tuple(sentences)


def _order(words: str) -> tuple[str, int]:
    number = re.search(r"\d+", words)
    return re.sub(r"\d+", "", words), int(number[0]) if number else 0


def _objects(added: bytes) -> Iterator[int]:
    yield from (int(hit[1]) for hit in _OBJECT.finditer(added))
    # Whatever bears the name counts: a search for a stream behind each of millions takes long.
    for hit in islice(_PACKED.finditer(added), _MOST_PACKED):
        begin = _STREAM.search(added, hit.end(), hit.end() + _LONGEST_HEAD)
        if begin is None:
            continue
        packed = added[begin.end() : begin.end() + _MOST_UNPACKED]
        try:
            text = zlib.decompressobj().decompress(packed, _MOST_UNPACKED)
        except zlib.error:
            continue
        # It begins with pairs of an object's number and its place (ISO 32000-2, 7.5.7).
        pairs = re.match(rb"(?:\s*\d{1,9}\s+\d{1,9})+", text[:100_000])
        yield from (int(each) for each in pairs[0].split()[::2]) if pairs else ()


def _known(sealed: bytes) -> dict[int, str]:
    """Number of each object of the sealed part that has a name for people -> the name."""
    reader = PdfFileReader(BytesIO(sealed))
    root = reader.trailer_view.raw_get("/Root")
    names = dict.fromkeys(range(1, int(reader.trailer_view["/Size"])), "A part of the document")
    names[root.reference.idnum] = "The document's catalogue"
    for entry, name in (("/Info", "The document's title or author"),):
        if entry in reader.trailer_view:
            names[reader.trailer_view.raw_get(entry).reference.idnum] = name
    names |= dict.fromkeys(_below(reader.root["/AF"]), "The embedded evidence")
    for number, page in enumerate(pages_of(reader.root["/Pages"]), 1):
        names |= dict.fromkeys(_page(page), f"Page {number}")
    return names


def pages_of(node: DictionaryObject) -> Iterator[IndirectObject]:
    """Yields the pages below a node of the page tree, in their order."""
    for reference in list.__iter__(node["/Kids"]):  # not what they refer to
        child = reference.get_object()
        if child["/Type"] == "/Pages":
            yield from pages_of(child)
        else:
            yield reference


def _page(reference: IndirectObject) -> Iterator[int]:
    yield reference.reference.idnum
    page: Any = reference.get_object()  # type: ignore[no-untyped-call] # same
    yield from _below(page.raw_get("/Contents"))


def _below(found: Any) -> Iterator[int]:
    each = list.__iter__(found) if isinstance(found, list) else [found]
    yield from (item.reference.idnum for item in each if isinstance(item, IndirectObject))
