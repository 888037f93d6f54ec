"""A line that breaks: a relay in front of a server that hangs up after a random number of bytes.

It passes bytes on and reads none of them, so a signature over the address holds.
"""

import random
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

BLOCK = 65_536


@dataclass
class Plan:
    """Breaks that are still to happen, each after 1 to `most` bytes of a connection's answers."""

    left: int
    most: int
    chance: random.Random


class Line:
    """Relays to `port`, and breaks as often as it is told to: see `breaks`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.breaks(0, most=1)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def breaks(self, times: int, *, most: int) -> None:
        """From now on connections end after 1 to `most` bytes of answer, until `times` have."""
        self._plan = Plan(times, most, random.Random(times))

    @property
    def left(self) -> int:
        """Breaks that have not happened yet."""
        return max(self._plan.left, 0)

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
            self._pass_on(client, server, self._plan)

    def _pass_on(self, client: socket.socket, server: socket.socket, plan: Plan) -> None:
        """Relays until somebody hangs up, or it is time to."""
        left = self._allowance(plan)
        while True:
            ready, _, _ = select.select([client, server], [], [])
            for source in ready:
                try:
                    block = source.recv(BLOCK)
                    if source is server and plan.left > 0:
                        passing = block[:left]
                        left -= len(passing)
                        if not left and self._is_broken(plan):
                            client.sendall(passing)
                            return
                    (server if source is client else client).sendall(block)
                except OSError:
                    return
                if not block:
                    return

    def _allowance(self, plan: Plan) -> int:
        with self._lock:
            return plan.chance.randint(1, plan.most)

    def _is_broken(self, plan: Plan) -> bool:
        """Takes one of the breaks that are left."""
        with self._lock:
            plan.left -= 1
            return plan.left >= 0


def _hang_up(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


@contextmanager
def breaking_line(port: int) -> Iterator[Line]:
    """A Line until the end of the block."""
    line = Line(port)
    try:
        yield line
    finally:
        line.close()
