"""``manifest.sha256``: one line for each file, as ``sha256sum -c`` reads it.

A line is ``<64 hex digits>  <path>``. A path with a backslash, line feed or carriage return is
escaped and its line starts with a backslash, as GNU coreutils do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from requests_app.errors import Invalid

MANIFEST: Final = "manifest.sha256"

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_TRANSLATION = str.maketrans(_ESCAPES)
_UNESCAPES = {escaped: plain for plain, escaped in _ESCAPES.items()}
_LINE = re.compile(r"(\\?)([0-9a-f]{64}) [ *](.+)", re.DOTALL)


def manifest(files: Iterable[tuple[str, str]]) -> str:
    """The manifest of ``(path, sha256)`` pairs, sorted by the path's UTF-8 bytes."""
    ordered = sorted(files, key=lambda file: file[0].encode())
    return "".join(f"{_line(path, sha256)}\n" for path, sha256 in ordered)


def parse_manifest(text: str) -> dict[str, str]:
    """Path to digest, read back; raises ``Invalid`` naming the first line that does not fit."""
    files: dict[str, str] = {}
    for number, line in enumerate(text.split("\n")[:-1], 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise Invalid(f"Line {number} of the manifest is not a digest and a path.")
        escaped, sha256, path = match.groups()
        if escaped:
            path = re.sub(r"\\[\\nr]", lambda found: _UNESCAPES[found.group()], path)
        if path in files:
            raise Invalid(f"Line {number} of the manifest names {path} again.")
        files[path] = sha256
    if text and not text.endswith("\n"):
        raise Invalid("The manifest ends in the middle of a line.")
    return files


def _line(path: str, sha256: str) -> str:
    escaped = path.translate(_TRANSLATION)
    mark = "\\" if escaped != path else ""
    return f"{mark}{sha256}  {escaped}"
