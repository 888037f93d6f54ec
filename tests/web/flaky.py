"""A file server that misbehaves on purpose, for the tests of client.py."""

import hashlib
import json
import random
import re
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Flaky(ThreadingHTTPServer):
    """Serves `files` as the release "d-1.0"; `faults` maps a path to what goes wrong there.

    A fault is called with the handler for every request of its path; it returns True when it has
    answered. `asked` counts the requests of each path, `ranges` holds the Range headers, `lines`
    what a log of requests would hold. With a `token` nothing is served without it.
    """

    daemon_threads = True

    def __init__(self, files, token=""):
        super().__init__(("127.0.0.1", 0), Handler)
        self.token, self.lines = token, []
        self.files, self.faults = files, {}
        self.asked, self.ranges, self.sent = Counter(), [], []
        self.manifest = "".join(
            f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files)
        ).encode()
        self.index = {
            "name": "d-1.0",
            "release": "1.0",
            "manifest_sha256": hashlib.sha256(self.manifest).hexdigest(),
            "files": [
                {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                for path, content in sorted(files.items())
            ],
        }

    def handle_error(self, request, client_address):
        """A client that goes away is no news."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Flaky

    def log_message(self, *args):
        """Say nothing."""

    def do_GET(self):
        path = re.sub(r"^/data/(releases/1\.0/)?(files/)?", "", urlsplit(self.path).path)
        self.server.asked[path] += 1
        self.server.sent.append(dict(self.headers))
        self.server.lines.append(self.requestline)
        if self.server.token and self.headers["Authorization"] != f"Bearer {self.server.token}":
            self.refuse(401, "A token is needed.")
            return
        fault = self.server.faults.get(path)
        if fault is not None and fault(self):
            return
        self.serve(path)

    def serve(self, path, content=None, tag=None):
        if path == "index.json":
            content = json.dumps(self.server.index).encode()
        elif path == "manifest.sha256":
            content = self.server.manifest
        elif content is None:
            content = self.server.files[path]
        tag = tag or f'"{hashlib.sha256(content).hexdigest()}"'
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and self.headers.get("If-Range", tag) == tag else 0
        if wanted:
            self.server.ranges.append((path, start))
        self.begin(206 if start else 200, len(content) - start, tag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(content[start:])

    def begin(self, status, length, tag=None):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if tag:
            self.send_header("ETag", tag)

    def refuse(self, status, sentence="Not now.", **headers):
        text = f"{sentence}\n".encode()
        self.begin(status, len(text))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text)
        return True

    def cut(self, chance):
        """Answer as it should be, and hang up somewhere in the middle."""
        written = []
        keep, self.wfile = self.wfile, type("Buffer", (), {"write": written.append, "flush": int})()
        path = re.sub(r"^/data/releases/1\.0/files/", "", urlsplit(self.path).path)
        self.serve(path)
        self.wfile = keep
        whole = b"".join(written)
        head = whole.index(b"\r\n\r\n") + 4
        self.wfile.write(whole[: chance.randint(head, len(whole) - 1)])
        self.wfile.flush()
        self.close_connection = True
        return True


@contextmanager
def serving(files, token=""):
    """A Flaky on a free port, until the end of the block."""
    server = Flaky(files, token)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def first(count, fault):
    """The fault for the first `count` requests of a path, and none afterwards."""
    left = [count]

    def now_and_then(handler):
        left[0] -= 1
        return left[0] >= 0 and fault(handler)

    return now_and_then


def contents(count=6, size=40_000):
    chance = random.Random(11)
    return {f"clips/{n}.mp4": chance.randbytes(size + n) for n in range(count)}
