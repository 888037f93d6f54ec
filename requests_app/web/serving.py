"""Bytes over HTTP: the whole, a part, only the headers, or a status that says why not (RFC 9110).

A transfer is written down before the first byte: when that fails, no byte is sent. Answers without
bytes of the content (HEAD, 304, 412, 416) are not downloads and write nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, parse_etags

from requests_app.distribution.ranges import Kind, Selection, select
from requests_app.distribution.streams import BLOCK, FileSlice
from requests_app.web.accounting import Account, CountedBlocks, CountedFile, Delivery

Content = bytes | FileSlice | Iterator[bytes]

PRIVATE = {
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""For everything below a link, whose address is a secret."""


@dataclass(frozen=True, slots=True)
class Representation:
    """What a URL stands for: `length` bytes under a strong `etag` (with its quotes).

    `read(start, stop)` gives the bytes `[start, stop)`; a FileSlice goes out by sendfile.
    """

    length: int
    etag: str
    name: str
    media_type: str
    read: Callable[[int, int], Content]


class SliceResponse(FileResponse):
    """A part of a file that the WSGI server may hand to the kernel."""

    block_size = BLOCK


_Answer = TypeVar("_Answer", bound=HttpResponseBase)


def private(response: _Answer) -> _Answer:
    """Give an answer the headers of everything below a link."""
    for name, value in PRIVATE.items():
        response[name] = value
    return response


def serve(request: HttpRequest, content: Representation, account: Account) -> HttpResponseBase:
    """Answer a GET or HEAD for `content`, whose transfer is written down in `account`.

    What `account.begin` raises ends the request, and so does what `content.read` raises.
    """
    if (status := _precondition(request, content.etag)) is not None:
        return _finish(HttpResponse(status=status, content_type="text/plain"), content, None)
    is_get = request.method == "GET"
    selection = select(
        range_header=request.headers.get("Range") if is_get else None,
        if_range=request.headers.get("If-Range"),
        length=content.length,
        etag=content.etag,
    )
    if selection.kind is Kind.UNSATISFIABLE:
        sentence = f"There are {content.length} bytes; the range asked for begins beyond them.\n"
        response = HttpResponse(sentence, content_type="text/plain; charset=utf-8", status=416)
        response["Content-Range"] = selection.content_range or ""
        return _finish(response, content, None)
    status = HTTPStatus.PARTIAL_CONTENT if selection.kind is Kind.PART else HTTPStatus.OK
    if not is_get:
        return _finish(HttpResponse(content_type=content.media_type), content, selection)
    body = content.read(selection.start, selection.stop)
    try:
        delivery = Delivery(request, account.begin(selection, status))
    except BaseException:
        if not isinstance(body, bytes):
            _close(body)
        raise
    return _finish(_response(body, delivery, content.media_type, status), content, selection)


def _precondition(request: HttpRequest, etag: str) -> int | None:
    """412 or 304 where If-Match or If-None-Match says so (RFC 9110 section 13.2.2).

    We name no modification date, so conditions on dates must be ignored (sections 13.1.3, 13.1.4).
    """
    required = parse_etags(request.headers.get("If-Match", ""))
    if required and "*" not in required and etag not in required:
        return HTTPStatus.PRECONDITION_FAILED
    known = [
        tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))
    ]
    return HTTPStatus.NOT_MODIFIED if "*" in known or etag in known else None


def _response(body: Content, delivery: Delivery, media_type: str, status: int) -> HttpResponseBase:
    if isinstance(body, FileSlice):
        file = CountedFile(body, delivery)
        return SliceResponse(file, content_type=media_type, status=status)
    blocks = CountedBlocks(iter([body]) if isinstance(body, bytes) else body, delivery)
    return StreamingHttpResponse(blocks, content_type=media_type, status=status)


def _finish(
    response: HttpResponseBase, content: Representation, selection: Selection | None
) -> HttpResponseBase:
    """Add the headers that every answer has, and those that only an answer with bytes has."""
    private(response)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = content.etag
    if selection is not None:
        response["Content-Length"] = str(selection.count)
        response["Content-Disposition"] = (
            content_disposition_header(as_attachment=True, filename=content.name) or ""
        )
        if selection.content_range is not None:
            response["Content-Range"] = selection.content_range
    return response


def _close(body: FileSlice | Iterator[bytes]) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()
