"""A line that breaks: a relay in front of a server that hangs up after a random number of bytes."""

import random
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

BLOCK = 65_536


class Line:
    """Relays to `port`; the first `cuts` connections end after at most `most` bytes of answer."""

    def __init__(self, port: int, *, cuts: int, most: int) -> None:
        self._port, self._most, self._chance = port, most, random.Random(50)
        self.left = cuts
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """Hang up on everybody and wait for the threads."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._open):
            _hang_up(each)
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._relay, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _relay(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._port)) as server:
            self._open += [client, server]
            allowed = self._allowance()
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for source in ready:
                    try:
                        block = source.recv(BLOCK)
                        if source is server and allowed is not None:
                            block = block[:allowed]
                            allowed -= len(block)
                        (server if source is client else client).sendall(block)
                    except OSError:
                        return
                    if not block or allowed == 0:
                        return

    def _allowance(self) -> int | None:
        with self._lock:
            self.left -= 1
            return self._chance.randint(1, self._most) if self.left >= 0 else None


def _hang_up(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


@contextmanager
def breaking_line(port: int, *, cuts: int, most: int) -> Iterator[Line]:
    """A Line until the end of the block."""
    line = Line(port, cuts=cuts, most=most)
    try:
        yield line
    finally:
        line.close()
