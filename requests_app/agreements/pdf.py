"""The signed agreement as a PDF/A-3b document.

Nothing the document contains can reach a network or a file: style is inline, there are no images,
and the fetcher given to WeasyPrint refuses every address and stops the rendering, because only a
mistake in our own template could ask for one. The same input gives the same bytes on one machine,
so a document that is rendered twice is not two documents.
"""

from dataclasses import dataclass
from datetime import UTC
from typing import Final

import segno
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.safestring import SafeString, mark_safe
from weasyprint import HTML, Attachment
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from requests_app.agreements.answers import Answers
from requests_app.agreements.directions import resolve_directions
from requests_app.agreements.evidence import Evidence, Party, SealNote, embedded
from requests_app.agreements.filling import fill
from requests_app.agreements.fonts import no_boxes
from requests_app.agreements.wording import Wording, read_wording, text_sha256
from requests_app.audit.canonical import canonical
from requests_app.errors import Misconfigured

_TEMPLATE: Final = "agreements/document.html"
EVIDENCE_FILE: Final = "evidence.json"


@dataclass(frozen=True)
class AgreementDocumentInput:
    """What a document is made of: the text version signed, answers, evidence, and who seals.

    `text` is the whole source of the version; `answers` as `answers.clean_answers` returns them.
    """

    text: str
    answers: Answers
    evidence: Evidence
    seal: SealNote
    parties: tuple[Party, ...] = ()


class _NoFetching(URLFetcher):
    """Refuses every address, `data:` included, and stops the rendering."""

    def fetch(self, url: str, headers: object = None) -> URLFetcherResponse:  # noqa: ARG002 - inherited signature
        raise FatalURLFetchingError(f"The agreement asked for {url[:80]}")


def render_pdf(document: AgreementDocumentInput) -> bytes:
    """Returns the agreement as tagged PDF/A-3b, with the evidence embedded as canonical JSON.

    Raises `Misconfigured` if the text is not the one that the evidence names, if the template asks
    for anything outside itself, or if this machine lacks the fonts.
    """
    if text_sha256(document.text) != document.evidence.text_sha256:
        raise Misconfigured("The text of this agreement is not the one that was signed.")
    wording = read_wording(document.text)
    page = HTML(string=_markup(document, wording), url_fetcher=_NoFetching())
    resolve_directions(page.etree_element)
    try:
        with no_boxes():
            rendered: bytes = page.write_pdf(
                pdf_variant="pdf/a-3b", pdf_tags=True, attachments=[_attachment(document)]
            )
    except FatalURLFetchingError as error:  # a BaseException, which nobody above would catch
        raise Misconfigured(f"{error}; nothing outside the document may be fetched.") from error
    return rendered


def _markup(document: AgreementDocumentInput, wording: Wording) -> SafeString:
    body = mark_safe(fill(wording, document.answers))  # noqa: S308  # fill() escapes every answer
    context = {
        "wording": wording,
        "body": body,
        "evidence": document.evidence,
        "parties": document.parties,
        "seal": document.seal,
        "qr_code": _qr_code(document.seal.verify_url),
        "paper": "Letter" if document.evidence.paper == "Letter" else "A4",
    }
    with timezone.override(UTC), translation.override("en"):  # whatever the worker's settings
        return render_to_string(_TEMPLATE, context)


def _qr_code(address: str) -> SafeString:
    """The address as a QR code (ISO/IEC 18004) in SVG, which stands in the page itself."""
    code = segno.make_qr(address, error="m")
    title = f"QR code that leads to {address}"  # segno escapes it
    drawn = code.svg_inline(border=0, dark="#12263a", omitsize=True, title=title)
    return mark_safe(drawn)  # noqa: S308 - a title, and a path made of numbers


def _attachment(document: AgreementDocumentInput) -> Attachment:
    evidence = document.evidence
    return Attachment(
        string=canonical(
            embedded(evidence, document.answers, document.parties, document.seal)
        ).decode(),
        name=EVIDENCE_FILE,
        description="Evidence of signature, canonical JSON (RFC 8785)",
        created=evidence.signed_at,
        modified=evidence.signed_at,
        relationship="Supplement",
    )
