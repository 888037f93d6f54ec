"""A holder of a download link: its page in a signed-in browser, its bytes on a cluster node."""

import hashlib
import zipfile
from pathlib import Path
from typing import BinaryIO

import httpx

from tests.e2e.person import Person, Unexpected


class Holder:
    """Follows one e-mailed link: reads the manifest, fetches the ZIP or single files."""

    def __init__(self, link: str, person: Person) -> None:
        self.link, self.person = link, person
        self.http = httpx.Client(timeout=60, trust_env=False)
        self.manifest_text = ""

    def manifest(self) -> dict[str, str]:
        """Returns path -> SHA-256 of every file, as `sha256sum -c` would read them."""
        self.manifest_text = self._get("manifest.sha256").text
        pairs = (line.split("  ", 1) for line in self.manifest_text.splitlines())
        return {path: digest for digest, path in pairs}

    def fetch_zip_in_pieces(self, folder: Path, *, pieces: int) -> int:
        """Fetches the ZIP, breaking off `pieces - 1` times in mid-stream and resuming.

        Returns how many members it checked against the manifest inside; Unexpected on a mismatch.
        """
        address = self._zip_address()
        length = int(self.http.head(address).headers["Content-Length"])
        target = folder / "release.zip"
        with target.open("wb") as handle:
            for piece in range(1, pieces + 1):
                self._continue(address, handle, until=length * piece // pieces)
        if target.stat().st_size != length:
            raise Unexpected("the ZIP has not the promised length")
        return _check_archive(target, self.manifest())

    def fetch_files(self, wanted: dict[str, str]) -> None:
        """Fetches single files and compares the digest of each."""
        for path, digest in wanted.items():
            content = self._get(f"files/{path}").content
            if hashlib.sha256(content).hexdigest() != digest:
                raise Unexpected(f"{path} differs from the manifest")

    def _zip_address(self) -> str:
        page = self.person.open(self.link)
        found = [str(link) for link in page.xpath("//a/@href") if str(link).endswith(".zip")]
        if not found:
            raise Unexpected("the download page offers no ZIP")
        return str(httpx.URL(self.link).join(found[0]))

    def _continue(self, address: str, handle: BinaryIO, *, until: int) -> None:
        """Resumes where the file ends and stops reading in mid-stream after `until` bytes."""
        start = handle.tell()
        headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"} if start else {}
        with self.http.stream("GET", address, headers=headers) as response:
            if response.status_code != (206 if start else 200):
                raise Unexpected(f"resuming at {start} answered {response.status_code}")
            for block in response.iter_raw(64 * 1024):
                handle.write(block[: until - handle.tell()])
                if handle.tell() >= until:
                    return

    def _get(self, path: str) -> httpx.Response:
        response = self.http.get(f"{self.link}{path}")
        if response.status_code != 200:
            raise Unexpected(f"{path or 'the page'} answered {response.status_code}")
        return response


def _check_archive(archive: Path, manifest: dict[str, str]) -> int:
    with zipfile.ZipFile(archive) as opened:
        if (bad := opened.testzip()) is not None:
            raise Unexpected(f"the ZIP's member {bad} is damaged")
        names = opened.namelist()
        for path, digest in manifest.items():
            (name,) = (name for name in (f"{names[0].split('/')[0]}/{path}",) if name)
            if hashlib.sha256(opened.read(name)).hexdigest() != digest:
                raise Unexpected(f"{path} differs from the manifest")
    return len(manifest)
