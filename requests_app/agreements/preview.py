"""What the signing page shows: the whole agreement, filled in, and what to affirm."""

from dataclasses import dataclass

from django.utils.safestring import SafeString, mark_safe

from requests_app.agreements.answers import shown_digest
from requests_app.agreements.collecting import collect_answers
from requests_app.agreements.filling import fill
from requests_app.agreements.texts import current_text
from requests_app.agreements.wording import Affirmation, read_wording
from requests_app.requests.models import AccessRequest


@dataclass(frozen=True, slots=True)
class Preview:
    """The agreement as it would be signed now.

    `html` is safe markup (see `filling.fill`) with headings from h2 down. The page sends `text_id`
    and `shown_sha256` back to `signing.sign`, with the keys of `affirmations` that were ticked.
    `summary` says in plain words what the text asks; it is part of the text, and does not bind.
    """

    title: str
    html: SafeString
    text_id: int
    text_number: int
    shown_sha256: str
    affirmations: tuple[Affirmation, ...]
    electronic_consent: str
    summary: tuple[str, ...]


def preview(access_request: AccessRequest) -> Preview:
    """Returns what the applicant would sign; the request need not be complete.

    Raises Conflict when the dataset has no agreement text yet, Invalid when an answer cannot be
    shown.
    """
    text = current_text(access_request.dataset)
    wording = read_wording(text.body)
    answers = collect_answers(access_request)
    return Preview(
        title=wording.title,
        html=mark_safe(fill(wording, answers)),  # noqa: S308 - fill() escapes every answer
        text_id=text.pk,
        text_number=text.number,
        shown_sha256=shown_digest(text_sha256=text.sha256, answers=answers),
        affirmations=wording.affirmations,
        electronic_consent=wording.electronic_consent,
        summary=wording.summary,
    )
