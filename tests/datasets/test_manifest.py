"""The manifest: what coreutils accept, read back whatever the paths are."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.datasets.manifest import manifest, parse_manifest
from requests_app.errors import Invalid

DIGEST = "0f" * 32
paths = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1)


@given(st.dictionaries(paths, st.binary(min_size=32, max_size=32).map(bytes.hex)))
def test_a_manifest_reads_back(files: dict[str, str]) -> None:
    assert parse_manifest(manifest(files.items())) == files


def test_lines_are_sorted_whatever_the_order_they_came_in() -> None:
    files = [("b", DIGEST), ("a/z", DIGEST), ("B", DIGEST), ("a.b", DIGEST)]
    text = manifest(files)
    assert text == manifest(reversed(files))
    assert [line[66:] for line in text.splitlines()] == ["B", "a.b", "a/z", "b"]


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs GNU coreutils")
def test_sha256sum_accepts_every_name(tmp_path: Path) -> None:
    names = ["plain.mp4", "with space", "*star", "back\\slash", "line\nfeed", "é", "\\n", "tab\t"]
    for name in names:
        (tmp_path / name).write_text(name)
    listed = subprocess.run(
        ["sha256sum", "--", *names], cwd=tmp_path, capture_output=True, check=True, text=True
    )
    files = parse_manifest(listed.stdout)
    assert list(files) == names
    (tmp_path / "manifest.sha256").write_text(manifest(files.items()))
    check = ["sha256sum", "--check", "--strict", "manifest.sha256"]
    subprocess.run(check, cwd=tmp_path, capture_output=True, check=True)
    (tmp_path / "plain.mp4").write_text("altered")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nonsense\n", "Line 1"),
        (f"{DIGEST}  a\n{DIGEST} a\n", "Line 2"),
        (f"{DIGEST}  a\n{DIGEST}  a\n", "Line 2 of the manifest names a again"),
        (f"{DIGEST}  a", "in the middle of a line"),
        (f"{DIGEST.upper()}  a\n", "Line 1"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        parse_manifest(text)


def test_an_empty_manifest_names_nothing() -> None:
    assert manifest([]) == ""
    assert parse_manifest("") == {}
