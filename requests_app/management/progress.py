"""A progress bar of one line, for work that takes longer than a second on a terminal."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self, TextIO

_WIDTH = 30
_WAIT, _PAUSE = 1.0, 0.1


class ProgressBar:
    """Call it with (done, total); it draws at most ten times a second and leaves a clean line.

    Nothing is written when ``stream`` is not a terminal, or before a second has passed.
    """

    def __init__(self, stream: TextIO, title: str) -> None:
        self._stream = stream
        self._title = title
        self._next = time.monotonic() + _WAIT
        self._drawn = False
        self._shows = stream.isatty()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if not self._shows or now < self._next:
            return
        self._next, self._drawn = now + _PAUSE, True
        filled = _WIDTH * done // max(total, 1)
        bar = "#" * filled + "." * (_WIDTH - filled)
        self._stream.write(f"\r{self._title} [{bar}] {done:,} of {total:,} ")
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._drawn:
            self._stream.write("\r\033[K")
            self._stream.flush()
