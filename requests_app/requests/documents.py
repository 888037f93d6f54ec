"""Is an uploaded ethics approval a PDF that a maintainer will be able to open?"""

import re
from dataclasses import dataclass
from typing import Final

from requests_app import conf
from requests_app.errors import Invalid

NAME_LIMIT: Final = 200
_END: Final = re.compile(rb"startxref\s+(\d{1,10})\s+%%EOF")
_TABLE: Final = re.compile(rb"\s*(?:xref\s|\d{1,10}\s+\d{1,5}\s+obj\b)")
_TAIL: Final = 2048
_TRAILER: Final = 8192


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came in, checked to be a PDF of an allowed size."""

    name: str
    content: bytes


def check_pdf(*, name: str, content: bytes) -> Upload:
    """Returns the upload with a name that is safe in a header, or raises Invalid with a sentence.

    A PDF begins with `%PDF-` and ends by pointing to its cross-reference table (ISO 32000-1, 7.5).
    Nothing is decompressed: a hostile file costs no more than its own size.
    """
    check_size(len(content))
    if not content:
        raise Invalid("This file is empty. Choose the approval again.")
    if not content.startswith(b"%PDF-"):
        raise Invalid("This file is not a PDF. Save or scan the approval as a PDF and upload that.")
    ends = list(_END.finditer(content[-_TAIL:]))
    table = int(ends[-1][1]) if ends else len(content)
    if not _TABLE.match(content[table : table + 64]):
        raise Invalid("This PDF is cut off or damaged. Save it again and upload the new copy.")
    if b"/Encrypt" in content[table : table + _TRAILER] + content[-_TAIL:]:
        raise Invalid("This PDF is protected by a password. Upload a copy without one.")
    return Upload(name=clean_name(name), content=content)


def check_size(size: int) -> None:
    """Raises Invalid, naming the limit, when a file of `size` bytes is too large."""
    most = conf.ethics_document_max_bytes()
    if size > most:
        raise Invalid(
            f"This file has {size / 2**20:.1f} MB; at most {most / 2**20:g} MB can be uploaded. "
            "Save a smaller copy of it."
        )


def clean_name(raw: str) -> str:
    """Returns the last part of a file name, printable and at most `NAME_LIMIT` characters long."""
    last = re.split(r"[/\\]", raw)[-1]
    printable = "".join(char for char in last if char.isprintable() and char not in "\"'<>|:*?")
    stem = printable.strip(" .").removesuffix(".pdf").removesuffix(".PDF") or "ethics-approval"
    return f"{stem[: NAME_LIMIT - 4]}.pdf"
