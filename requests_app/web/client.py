#!/usr/bin/env python3
"""Fetch a release of a gated dataset, or some of it, and verify every file.

Needs Python 3.8 or newer and nothing else. Run it again after any interruption: what is there and
right stays, what is half there is continued.

    python3 client.py https://portal.example/d/<token>/
    CMED_TOKEN=... python3 client.py --class happiness --split test https://portal.example/

Without an address in the token's place, the token comes from --token-stdin, the environment
variable CMED_TOKEN, or --token (which other users of the machine and your shell's history can see).
It is sent to the portal alone and in a header, so no log of addresses holds it.

Exit codes: 0 everything is there and verified; 1 something is missing or wrong; 2 the command line
is wrong; 3 the portal refuses (the token, the release or the choice); 4 the portal asks to come
back later; 130 interrupted.
"""

# One file on purpose: it is fetched by itself and read before it is run.
from __future__ import annotations

import argparse
import contextlib
import email.utils
import hashlib
import http.client
import ipaddress
import json
import os
import re
import socket
import stat
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Tuple
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

PORTAL = ""  # filled in by the portal that hands this file out
BLOCK = 1 << 18
TIMEOUT = 60.0  # seconds without a byte
TRIES = 8  # attempts in a row that bring nothing
WRONG = 3  # times that a file may arrive complete and wrong
PATIENCE = 600.0  # seconds: the longest that the portal may ask to wait while we stay
LOST = (OSError, http.client.HTTPException)
LATER = (408, 425, 429, 500, 502, 503, 504)


class Failure(Exception):
    """Ends the program, or one file, with a sentence and an exit code."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


class Item(NamedTuple):
    """A file of the release: where it goes below the folder, its bytes, its SHA-256."""

    path: str
    size: int
    sha256: str


Origin = Tuple[str, str, int]


class Answer:
    """The headers of an answer, and its body to be read once."""

    def __init__(self, raw: http.client.HTTPResponse, *, own: bool) -> None:
        self.status, self.own, self._raw = raw.status, own, raw

    def header(self, name: str) -> str:
        """A header, empty where there is none."""
        return self._raw.headers.get(name, "")

    def blocks(self) -> Iterator[bytes]:
        """The body in blocks; raises one of LOST when it ends early."""
        while True:
            block = self._raw.read(BLOCK)
            if not block:
                break
            yield block
        if self._raw.length:
            raise http.client.IncompleteRead(b"", self._raw.length)

    def sentence(self) -> str:
        """What the portal says, in one printable line; lets go of the rest."""
        try:
            text = self._raw.read(2000).decode("utf-8", "replace")
        except LOST:
            text = ""
        finally:
            self._raw.close()
        return "".join(c for c in text.strip().split("\n")[0] if c.isprintable())[:300]


class Portal:
    """Requests to one portal, with one kept connection for each thread and host."""

    def __init__(self, base: str, token: str) -> None:
        self._root = urljoin(base, "/data/")
        _require_private(self._root)
        self._secret = {"Authorization": f"Bearer {token}"}
        self._mine = threading.local()
        self._all: list[dict[Origin, http.client.HTTPConnection]] = []
        self.stopped = threading.Event()

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """One GET with the token; follows a redirect to the store, and gives it nothing of ours.

        Raises one of LOST when there is no answer.
        """
        url, sent = urljoin(self._root, path), {**self._secret, **(headers or {})}
        own = _origin(url)
        for _ in range(4):
            raw = self._ask(url, sent)
            if raw.status not in (301, 302, 303, 307, 308):
                return Answer(raw, own=_origin(url) == own)
            url = urljoin(url, raw.headers.get("Location", ""))
            raw.read()
            _require_private(url)
            if _origin(url) != own:
                sent.pop("If-Range", None)
                sent.pop("Authorization", None)
        raise Failure("The portal sends us around in circles.")

    def read(self, path: str) -> bytes:
        """A small answer, whole; tries again while that may help."""
        for tries in range(TRIES):
            body = self._read_once(path, tries)
            if body is not None:
                return body
        raise Failure("The portal does not answer as it should. Please try again later.")

    def _read_once(self, path: str, tries: int) -> bytes | None:
        try:
            answer = self.get(path, {"Accept": "text/plain"})
            if answer.status == 200:
                return b"".join(answer.blocks())
            self.judge(answer, tries)
        except LOST as error:
            self.lost()
            if tries == TRIES - 1:
                raise Failure(f"The portal does not answer: {_told(error)}.") from error
            self.wait(_pause(tries))
        return None

    def judge(self, answer: Answer, tries: int) -> None:
        """Wait where that helps; raise Failure where it does not."""
        status, said = answer.status, answer.sentence()
        self.lost()
        if status in LATER:
            pause = _retry_after(answer.header("Retry-After"), tries)
            if pause > PATIENCE or tries >= TRIES - 1:
                raise Failure(said or f"The portal is busy ({status}). Try again later.", 4)
            self.wait(pause)
            return
        raise Failure(said or f"The portal answers {status}.", 3 if 400 <= status < 500 else 1)

    def wait(self, seconds: float) -> None:
        """Pause; raises Failure when the program ends meanwhile."""
        if self.stopped.wait(seconds):
            raise Failure("Interrupted.", 130)

    def _ask(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        self.wait(0)
        parts, origin = urlsplit(url), _origin(url)
        kept = self._kept()
        connection = kept.get(origin) or kept.setdefault(origin, _connection(origin))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"User-Agent": "cmed-client/1", "Accept-Encoding": "identity", **headers}
        try:
            connection.request("GET", target, headers=sent)
            self._mine.answer = connection.getresponse()
        except LOST:
            self.lost()
            raise
        answer: http.client.HTTPResponse = self._mine.answer
        return answer

    def _kept(self) -> dict[Origin, http.client.HTTPConnection]:
        if not hasattr(self._mine, "kept"):
            self._mine.kept = {}
            self._all.append(self._mine.kept)
        kept: dict[Origin, http.client.HTTPConnection] = self._mine.kept
        return kept

    def lost(self) -> None:
        """Close this thread's connections: nobody knows what is still on them."""
        if hasattr(self._mine, "answer"):
            self._mine.answer.close()
        for connection in self._kept().values():
            connection.close()
        self._kept().clear()

    def stop(self) -> None:
        """End whatever any thread still waits for."""
        self.stopped.set()
        for connection in [each for kept in self._all for each in list(kept.values())]:
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()


class Progress:
    """Bytes and files done, drawn on a terminal twice a second."""

    def __init__(self, items: list[Item], *, shown: bool) -> None:
        self._all, self._files = sum(item.size for item in items), len(items)
        self._done = self._ready = self._fetched = 0
        self._began, self._drawn = time.monotonic(), 0.0
        self._shown, self._lock = shown and sys.stderr.isatty(), threading.Lock()

    def add(self, count: int, *, fetched: bool = True) -> None:
        """Note bytes that are in place, or (negative) that were thrown away."""
        with self._lock:
            self._done += count
            self._fetched += count if fetched else 0
            self._draw()

    def finish(self) -> None:
        """Note one more file that is there and right."""
        with self._lock:
            self._ready += 1
            self._draw(last=self._ready == self._files)

    def _draw(self, *, last: bool = False) -> None:
        now = time.monotonic()
        if not self._shown or (now - self._drawn < 0.5 and not last):
            return
        self._drawn = now
        share = min(self._done / self._all, 1.0) if self._all else 1.0
        rate = max(self._fetched, 0) / max(now - self._began, 0.001)
        left = f"{_span((self._all - self._done) / rate)} left" if rate > 1 else ""
        bar = "#" * int(share * 24)
        sys.stderr.write(
            f"\r[{bar:<24}] {share:4.0%}  {_size(self._done)} of {_size(self._all)}"
            f"  {_size(rate)}/s  {self._ready}/{self._files} files  {left}\x1b[K"
        )
        sys.stderr.write("\n" if last else "")
        sys.stderr.flush()


class Fetcher:
    """Brings files into one folder and never writes outside it."""

    def __init__(self, portal: Portal, folder: Path, below: str, progress: Progress) -> None:
        self._portal, self._folder, self._below = portal, folder, below
        self._progress = progress

    def fetch(self, item: Item) -> None:
        """Make one file be there and right. Raises Failure when that cannot be done."""
        target = place(self._folder, item.path)
        if target.exists() and _digest(target) == item.sha256:
            self._progress.add(item.size, fetched=False)
        else:
            self._bring(item, target)
        self._progress.finish()

    def _bring(self, item: Item, target: Path) -> None:
        part, wrong, tries = target.with_name(target.name + ".part"), 0, 0
        held = min(_length(part), item.size)
        self._progress.add(held, fetched=False)
        while wrong < WRONG:
            if held == item.size and part.exists():
                if _digest(part) == item.sha256:
                    part.replace(target)
                    return
                wrong += 1
                held = self._forget(part, held)
                continue
            now = self._continue(item, part, held, tries)
            tries = 0 if now > held else tries + 1
            held = now
            if tries >= TRIES:
                raise Failure(f"{item.path}: the line breaks again and again.")
        raise Failure(f"{item.path}: arrives complete but with another SHA-256 than it should.")

    def _forget(self, part: Path, held: int) -> int:
        part.unlink()
        self._progress.add(-held)
        return 0

    def _continue(self, item: Item, part: Path, held: int, tries: int) -> int:
        """One request for what is missing; returns how many bytes are there afterwards."""
        asked = {"Range": f"bytes={held}-", "If-Range": f'"{item.sha256}"'} if held else {}
        try:
            answer = self._portal.get(self._below + quote(item.path), asked)
            if answer.status == 416:
                answer.sentence()
                return self._forget(part, held)
            if answer.status not in (200, 206):
                self._portal.judge(answer, tries)
                return held
            start = self._start(item, answer, held)
            if start < held:
                self._progress.add(start - held)
            return self._write(item, answer, part, start)
        except LOST:
            self._portal.lost()
            if tries:
                self._portal.wait(_pause(tries))
            return _length(part)

    def _start(self, item: Item, answer: Answer, held: int) -> int:
        """Where the bytes of an answer belong; Failure when it is not an answer about this file."""
        tag = answer.header("ETag")
        if answer.own and tag and tag != f'"{item.sha256}"':
            self._portal.lost()
            raise Failure(f"{item.path}: it is another file by now. Run the command again.")
        start = held if answer.status == 206 else 0
        length, said = item.size - start, answer.header("Content-Range")
        given = answer.header("Content-Length")
        promised = f"bytes {start}-{item.size - 1}/{item.size}"
        if (given and given != str(length)) or (answer.status == 206 and said != promised):
            self._portal.lost()
            raise Failure(f"{item.path}: the portal sends another part than the one asked for.")
        return start

    def _write(self, item: Item, answer: Answer, part: Path, start: int) -> int:
        part.parent.mkdir(parents=True, exist_ok=True)
        with _open_part(part) as out:
            out.truncate(start)
            out.seek(start)
            at = start
            for block in answer.blocks():
                if self._portal.stopped.is_set():
                    raise Failure("Interrupted.", 130)
                out.write(block[: item.size - at])
                at += len(block)
                self._progress.add(len(block))
        return min(at, item.size)


def place(folder: Path, path: str) -> Path:
    """Where a file of the release goes. Failure for a path that leads, or is led, elsewhere."""
    steps = path.split("/")
    if not all(_is_plain(step) for step in steps):
        raise Failure(f"The portal names a file {ascii(path)[:200]}, which we do not write.")
    target = folder
    for step in steps:
        target = target / step
        if target.is_symlink():
            raise Failure(f"{target} is a symbolic link; remove it, we do not write through it.")
    return target


def _is_plain(step: str) -> bool:
    banned = any(sign in step for sign in '\\:*?"<>|') or not step.isprintable()
    return not (banned or step in ("", ".", "..") or step.endswith((".part", " ", ".")))


def _open_part(part: Path) -> Any:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    opened = os.open(str(part), flags, 0o600)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise Failure(f"{part} is not a plain file; remove it.")
    return os.fdopen(opened, "r+b")


def _length(part: Path) -> int:
    return part.stat().st_size if part.is_file() and not part.is_symlink() else 0


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as source:
        for block in iter(lambda: source.read(BLOCK * 4), b""):
            found.update(block)
    return found.hexdigest()


def _origin(url: str) -> Origin:
    parts = urlsplit(url)
    return (
        parts.scheme,
        parts.hostname or "",
        parts.port or (443 if parts.scheme == "https" else 80),
    )


def _require_private(url: str) -> None:
    """The token and the clips never travel in the open."""
    scheme, host, _ = _origin(url)
    if scheme == "https" and host:
        return
    try:
        near = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        near = False
    if scheme != "http" or not near:
        raise Failure("The address must begin with https://; nothing was sent.", 2)


def _connection(origin: Origin) -> http.client.HTTPConnection:
    scheme, host, port = origin
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    proxy = urlsplit("" if proxy_bypass(host) else getproxies().get("https", ""))
    if not proxy.hostname:
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT)
    through = http.client.HTTPSConnection(proxy.hostname, proxy.port or 8080, timeout=TIMEOUT)
    through.set_tunnel(host, port)
    return through


def _pause(tries: int) -> float:
    return float(min(2**tries, 60)) / 2


def _retry_after(text: str, tries: int) -> float:
    """Seconds to wait (RFC 9110 section 10.2.3); our own pause where the portal names none."""
    if text.isdigit():
        return float(text)
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return _pause(tries)


def _told(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except Failure as failure:
        sys.stderr.write(f"{failure}\n")
        return failure.code
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. Run the same command again to continue.\n")
        return 130


def _run(options: argparse.Namespace) -> int:
    portal = Portal(*_where(options))
    try:
        return _fetch(portal, options)
    finally:
        portal.stop()


def _fetch(portal: Portal, options: argparse.Namespace) -> int:
    below = f"releases/{quote(options.release, safe='')}/" if options.release else ""
    choice = [("class", each) for each in options.classes]
    choice += [("split", each) for each in options.splits]
    query = f"?{urlencode(choice)}" if choice else ""
    index = _index(portal.read(f"{below}index.json{query}"))
    below = f"releases/{quote(index['release'], safe='')}/"
    manifest = portal.read(f"{below}manifest.sha256{query}")
    items = [Item(each["path"], each["size"], each["sha256"]) for each in index["files"]]
    _require_agreement(items, manifest, index["manifest_sha256"], whole=not choice)
    if options.list:
        for item in items:
            sys.stdout.write(f"{item.size}\t{item.path}\n")
        return 0
    folder = place(Path(options.into), index["name"])
    folder.mkdir(parents=True, exist_ok=True)
    fetcher = Fetcher(portal, folder, f"{below}files/", Progress(items, shown=not options.quiet))
    failures = _fetch_all(portal, fetcher, items, options.jobs)
    place(folder, "manifest.sha256").write_bytes(manifest)
    return _report(failures, len(items), folder)


def _fetch_all(portal: Portal, fetcher: Fetcher, items: list[Item], jobs: int) -> list[Failure]:
    """Every failure; a refusal or an interruption ends all the rest."""
    failures: list[Failure] = []
    running: list[Future[None]] = []
    with ThreadPoolExecutor(jobs) as pool:
        try:
            # One by one: Ctrl-C may come in between, and what runs by then must be cancelled.
            for item in items:
                running.append(pool.submit(fetcher.fetch, item))  # noqa: PERF401
            for each in as_completed(running):
                failure = each.exception()
                if isinstance(failure, Failure) and failure.code == 1:
                    failures.append(failure)
                else:
                    each.result()
        except BaseException:
            portal.stop()
            for each in running:
                each.cancel()
            raise
    return failures


def _report(failures: list[Failure], count: int, folder: Path) -> int:
    for failure in failures[:20]:
        sys.stderr.write(f"{failure}\n")
    if failures:
        sys.stderr.write(f"{len(failures)} of {count} files are missing. Run it again.\n")
        return 1
    sys.stderr.write(f"{count} files are in {folder}, each with the right SHA-256.\n")
    return 0


def _index(text: bytes) -> dict[str, Any]:
    """The list of files. Failure when it is not one, so that nothing after it need look again."""
    try:
        index: dict[str, Any] = json.loads(text)
        shapes = (index["release"], index["name"], index["manifest_sha256"], index["files"])
        sound = [isinstance(each, kind) for each, kind in zip(shapes, (str, str, str, list))]
        for each in shapes[3]:
            sound.append(isinstance(each["path"], str) and isinstance(each["size"], int))
            sound.append(bool(re.fullmatch("[0-9a-f]{64}", each["sha256"])) and each["size"] >= 0)
    except (ValueError, KeyError, TypeError) as error:
        raise Failure("The portal's list of files cannot be read.") from error
    if not all(sound):
        raise Failure("The portal's list of files cannot be read.")
    return index


def _require_agreement(items: list[Item], manifest: bytes, root: str, *, whole: bool) -> None:
    listed = {f"{item.sha256}  {item.path}" for item in items}
    agree = listed == set(manifest.decode("utf-8", "replace").splitlines())
    if not agree or (whole and hashlib.sha256(manifest).hexdigest() != root):
        raise Failure("The portal's list of files and its manifest do not agree.")


def _where(options: argparse.Namespace) -> tuple[str, str]:
    """The portal's address and the token, wherever each was given."""
    address = options.address or PORTAL
    if not address:
        raise Failure("Name the address of the portal or of your link's page.", 2)
    found = re.match(r"/d/([^/]+)", urlsplit(address).path)
    if options.token_stdin:
        token = sys.stdin.readline().strip()
    else:
        token = options.token or (unquote(found[1]) if found else os.environ.get("CMED_TOKEN", ""))
    if not token:
        raise Failure("There is no token: set CMED_TOKEN, or use --token-stdin.", 2)
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", token):
        raise Failure("What was given as the token is none: copy it once more.", 2)
    return address, token


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="client.py",
        description=(__doc__ or "").split("\n\n")[0],
        epilog="\n\n".join((__doc__ or "").split("\n\n")[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("address", nargs="?", help="of the portal, or of your link's page")
    parser.add_argument("--release", default="", help="its number; the newest when left out")
    parser.add_argument("--class", dest="classes", action="append", default=[], metavar="KEY")
    parser.add_argument("--split", dest="splits", action="append", default=[], metavar="NAME")
    parser.add_argument("--into", default=".", metavar="FOLDER", help="default: this folder")
    parser.add_argument("--jobs", type=_jobs, default=8, help="files at once, 1 to 32; default 8")
    parser.add_argument("--list", action="store_true", help="name the files, fetch none")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    tokens = parser.add_mutually_exclusive_group()
    tokens.add_argument("--token", default="", help="visible to others; prefer the next")
    tokens.add_argument("--token-stdin", action="store_true", help="read it from standard input")
    return parser


def _jobs(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 32:
        raise argparse.ArgumentTypeError("write a number from 1 to 32")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
