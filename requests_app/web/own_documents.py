"""The documents of one's own request: the signed agreement and the uploaded ethics approval."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header

from requests_app.agreements.models import Agreement, AgreementDocument
from requests_app.agreements.outstanding import complete
from requests_app.errors import NotFound
from requests_app.requests.models import AccessRequest
from requests_app.requests.opening import record_opened
from requests_app.web.applicants import ApplicantRequest, own_request_page


@own_request_page("GET", "HEAD")
def request_agreement(request: ApplicantRequest, access_request: AccessRequest) -> HttpResponse:
    """Sends the signed agreement as a PDF: the latest, or the one that `?number=` names.

    Once the lab has countersigned, the countersigned copy is sent.

    202 with a sentence while the PDF is being made.
    """
    agreements = complete(access_request.agreements.defer("values", "evidence"))
    if number := request.GET.get("number"):
        agreements = agreements.filter(number=number)
    agreement = agreements.first()
    if agreement is None:
        raise NotFound("No agreement has been signed by everybody under this request yet.")
    document = AgreementDocument.objects.filter(agreement=agreement).last()
    if document is None:
        return _not_ready(request, agreement)
    name = f"{agreement.number}.pdf"
    _enter(request, access_request, name, document.sha256)
    return _pdf(bytes(document.content), name)


@own_request_page("GET", "HEAD")
def request_ethics(request: ApplicantRequest, access_request: AccessRequest) -> HttpResponse:
    """Sends the ethics approval that was uploaded last."""
    document = access_request.latest_ethics_document
    if document is None:
        raise NotFound("No ethics approval has been uploaded to this request yet.")
    _enter(request, access_request, "ethics approval", document.sha256)
    return _pdf(bytes(document.content), document.name)


def _not_ready(request: ApplicantRequest, agreement: Agreement) -> HttpResponse:
    context = {
        "heading": "The PDF is being prepared",
        "sentence": f"The PDF of {agreement.number} is not ready yet. Reload this page in a "
        "moment; it is also sent to you by e-mail.",
    }
    response = render(request, "web/sentence.html", context, status=202)
    response.headers["Retry-After"] = "5"
    return response


def _enter(
    request: ApplicantRequest, access_request: AccessRequest, document: str, digest: str
) -> None:
    if request.method == "GET":
        record_opened(
            access_request=access_request, by=request.user, document=document, sha256=digest
        )


def _pdf(content: bytes, name: str) -> HttpResponse:
    """Always a download: what somebody uploaded is never opened as a page of this site."""
    return HttpResponse(
        content,
        content_type="application/pdf",
        headers={
            "Content-Disposition": content_disposition_header(True, name) or "attachment",  # noqa: FBT003 - Django's signature
            "X-Content-Type-Options": "nosniff",
        },
    )
