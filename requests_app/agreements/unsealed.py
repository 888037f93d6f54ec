"""The document of an agreement before any seal: rendered from what the agreement keeps."""

from requests_app import conf
from requests_app.agreements.evidence import Evidence, SealNote
from requests_app.agreements.models import Agreement
from requests_app.agreements.parties import parties_of
from requests_app.agreements.pdf import AgreementDocumentInput, render_pdf
from requests_app.agreements.seal import Seal


def render(agreement: Agreement, seal: Seal | None) -> bytes:
    """Returns the PDF of an agreement that does not bear its seal yet.

    It names `seal`, or none where the applicant signs the file first. It is made of the version
    signed, the answers and the evidence, whatever has changed since.
    """
    return render_pdf(
        AgreementDocumentInput(
            text=agreement.text.body,
            answers=agreement.values,
            evidence=Evidence.from_json(agreement.evidence),
            seal=_note(agreement, seal),
            parties=parties_of(agreement),
        )
    )


def _note(agreement: Agreement, seal: Seal | None) -> SealNote:
    return SealNote(
        level=seal.level.value if seal else "",
        dated_by=seal.dated_by if seal else "",
        certificate_sha256=seal.key.sha256 if seal else "",
        verify_url=f"{conf.base_url()}/verify/{agreement.number}",
        certificates_url=f"{conf.base_url()}/verify/certificates.pem",
    )
