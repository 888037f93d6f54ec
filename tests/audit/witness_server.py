"""A witness as C2SP tlog-witness has it, on loopback: it checks before it signs."""

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from requests_app.audit import outsider

DASH = "\N{EM DASH}"


class Witness:
    """Remembers the last checkpoint that it cosigned. `answers` replaces its next answers."""

    def __init__(self, log: outsider.Key, name: str = "witness.example/w1") -> None:
        self.log = log
        self.private = Ed25519PrivateKey.generate()
        public = self.private.public_key().public_bytes_raw()
        self.key = outsider.Key(name, public, outsider.COSIGNATURE)
        self.last: outsider.Checkpoint | None = None
        self.asked: list[str] = []
        self.answers: list[tuple[int, str, str]] = []
        self.url = ""

    @property
    def setting(self) -> str:
        return f"{self.key} {self.url}"

    def add_checkpoint(self, body: str) -> tuple[int, str, str]:  # noqa: C901, PLR0911 - as specified
        """Status, media type and body, step by step as the specification goes."""
        self.asked.append(body)
        if self.answers:
            return self.answers.pop(0)
        head, _, note = body.partition("\n\n")
        first, *proof = head.split("\n")
        word, old = first.split(" ")
        if word != "old" or str(int(old)) != old:
            return 400, "text/plain", "no old size"
        if not note.startswith(f"{self.log.name}\n"):
            return 404, "text/plain", "unknown log"
        try:
            checkpoint = outsider.open_note(note, self.log)
        except outsider.Wrong as error:
            return 403, "text/plain", str(error)
        if int(old) > checkpoint.size:
            return 400, "text/plain", "old size is larger"
        known = self.last.size if self.last else 0
        if int(old) != known:
            return 409, "text/x.tlog.size", f"{known}\n"
        if self.last and known == checkpoint.size and self.last.root != checkpoint.root:
            return 409, "text/plain", "another root"
        try:
            hashes = [base64.b64decode(each, validate=True) for each in proof]
            if self.last:
                outsider.check_consistency(
                    known, checkpoint.size, hashes, self.last.root, checkpoint.root
                )
            elif hashes:
                return 422, "text/plain", "a proof from nothing"
        except outsider.Wrong as error:
            return 422, "text/plain", str(error)
        self.last = checkpoint
        return 200, "text/plain", self.cosign(checkpoint)

    def cosign(self, checkpoint: outsider.Checkpoint) -> str:
        at = int(time.time())
        made = self.private.sign(f"cosignature/v1\ntime {at}\n{checkpoint}".encode())
        content = base64.b64encode(self.key.id + at.to_bytes(8, "big") + made).decode()
        return f"{DASH} {self.key.name} {content}\n"


@contextmanager
def serving(witness: Witness) -> Iterator[Witness]:
    """The witness behind HTTP at `witness.url`, a submission prefix with a path."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path != "/prefix/add-checkpoint":
                self.send_error(404)
                return
            length = int(self.headers["Content-Length"])
            status, media_type, body = witness.add_checkpoint(self.rfile.read(length).decode())
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            if status in (301, 302, 307, 308):
                self.send_header("Location", body)
                body = ""
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    witness.url = f"http://127.0.0.1:{server.server_port}/prefix/"
    try:
        yield witness
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
