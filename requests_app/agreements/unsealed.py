"""The document of an agreement before any seal: rendered from what the agreement keeps."""

from requests_app import conf
from requests_app.agreements.evidence import Evidence, SealNote
from requests_app.agreements.models import Agreement
from requests_app.agreements.parties import parties_of
from requests_app.agreements.pdf import AgreementDocumentInput, render_pdf
from requests_app.agreements.seal import Seal, prepare


def render(agreement: Agreement, seal: Seal | None = None) -> bytes:
    """Returns the PDF of an agreement that names its seal but does not bear it yet.

    It is made of the version signed, the answers and the evidence, whatever has changed since.
    """
    return render_pdf(
        AgreementDocumentInput(
            text=agreement.text.body,
            answers=agreement.values,
            evidence=Evidence.from_json(agreement.evidence),
            seal=_note(agreement, seal or prepare()),
            parties=parties_of(agreement),
        )
    )


def _note(agreement: Agreement, seal: Seal) -> SealNote:
    return SealNote(
        level=seal.level.value,
        dated_by=seal.dated_by,
        certificate_sha256=seal.key.sha256,
        verify_url=f"{conf.base_url()}/verify/{agreement.number}",
        certificates_url=f"{conf.base_url()}/verify/certificates.pem",
    )
