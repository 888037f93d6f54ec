"""One GET after another for parts of the same bytes, over a kept connection, header by header."""

import re
from http.client import HTTPConnection
from typing import NamedTuple


class Answer(NamedTuple):
    """What an answer says of the bytes; a refusal says nothing that matters here."""

    status: int
    content_range: str | None
    body: bytes


REFUSED = Answer(416, None, b"")


class Asker:
    """Asks one server for parts of one file."""

    def __init__(self, port: int, path: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=30)
        self._path = path
        self.tag = ""
        self.ask(None, None)

    def ask(self, range_header: str | None, if_range: str | None) -> Answer:
        """One answer; keeps the entity tag."""
        said = {"Range": range_header, "If-Range": if_range}
        headers = {name: value for name, value in said.items() if value is not None}
        self._connection.request("GET", self._path, headers=headers)
        response = self._connection.getresponse()
        body = response.read()
        self.tag = response.headers["ETag"] or self.tag
        if response.status == REFUSED.status:
            return REFUSED
        return Answer(response.status, response.headers["Content-Range"], body)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


def as_nginx_reads_lists(header: str) -> str:
    """The same ranges without empty elements and tabs.

    RFC 9110 (section 5.6.1) has a recipient ignore them; nginx refuses the set.
    """
    found = re.fullmatch(r"(bytes=)(.*)", header.strip(" \t"), re.IGNORECASE | re.ASCII)
    if found is None:
        return header
    elements = [element.strip(" \t") for element in found[2].split(",")]
    return found[1] + ",".join(element for element in elements if element)
