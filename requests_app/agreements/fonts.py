"""No boxes: a document whose letters this machine has no font for is not made.

Without any font at all Pango ends the process; without the one that a script needs it draws boxes.
Both are refused with a sentence, and the document waits for the fonts.
"""

import logging
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

from weasyprint.text.ffi import ffi, fontconfig

from requests_app.errors import Misconfigured

_renderer: Final = logging.getLogger("weasyprint")
_ADVICE: Final = "install fonts where the worker runs, such as Debian's fonts-noto-core and -cjk"


@contextmanager
def no_boxes() -> Iterator[None]:
    """Raises Misconfigured, at the end, if a letter, mark or digit was drawn as a box.

    Symbols and code points that Unicode does not name may be: no font need have them.
    """
    _require_any()
    watch = _Watch()
    _renderer.addHandler(watch)
    try:
        yield
    finally:
        _renderer.removeHandler(watch)
    if watch.missing:
        told = ", ".join(f"U+{ord(each):04X}" for each in sorted(watch.missing)[:10])
        raise Misconfigured(f"No font here has {told}, which the agreement needs: {_ADVICE}.")


class _Watch(logging.Handler):
    """Hears of glyphs that are missing in what this thread draws."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()
        self.missing: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if not str(record.msg).startswith(".notdef") or not isinstance(record.args, tuple):
            return
        letter = str(record.args[0])
        if record.thread == self._thread and unicodedata.category(letter)[0] in "LMN":
            self.missing.add(letter)


@cache  # what was found once stays; a refusal is not kept
def _require_any() -> None:
    config = ffi.gc(fontconfig.FcInitLoadConfigAndFonts(), fontconfig.FcConfigDestroy)
    found = fontconfig.FcConfigGetFonts(config, fontconfig.FcSetSystem)
    if found == ffi.NULL or found.nfont == 0:
        raise Misconfigured(f"There is no font on this machine: {_ADVICE}.")
