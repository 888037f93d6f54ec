"""Starting a request and saving its answers, until it is signed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import transaction

from requests_app.audit import kinds, log
from requests_app.datasets.models import Dataset
from requests_app.errors import Conflict
from requests_app.identity.models import User
from requests_app.requests.models import AccessRequest, EthicsDocument, NamedPerson
from requests_app.requests.states import Verb
from requests_app.requests.transitions import lock

ANSWERS = (
    "legal_name",
    "institution",
    "department",
    "position",
    "is_student",
    "supervisor",
    "country",
    "research_title",
    "purpose",
    "funding",
    "ethics",
    "ethics_reference",
    "ethics_reason",
    "data_protection_plan",
    "statements",
)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came in, already checked to be a PDF of an allowed size."""

    name: str
    content: bytes


@transaction.atomic
def start(*, dataset: Dataset, by: User) -> AccessRequest:
    """Creates an empty draft for `by`, with their name filled in, and its entry."""
    access_request = AccessRequest.objects.create(
        dataset=dataset, applicant=by, legal_name=by.full_name
    )
    log.record(kinds.REQUEST_STARTED, by=by, on=access_request, dataset=dataset.slug)
    return access_request


@transaction.atomic
def save(
    *,
    access_request_id: UUID | str,
    by: User,
    revision: int,
    answers: Mapping[str, Any],
    named_people: Sequence[Mapping[str, str]] | None = None,
    ethics_document: Upload | None = None,
) -> AccessRequest:
    """Saves `answers` (names of `ANSWERS`; absent ones stay) and, when given, people and document.

    `revision` is the one the form was filled from: Conflict when another tab saved in between.
    Raises as `transitions.lock` does. Effects: the row, its people, one entry naming the fields
    that changed (never their content).
    """
    access_request = lock(access_request_id, Verb.EDIT, by)
    if access_request.revision != revision:
        raise Conflict(
            "This request was saved in another tab or window after you opened this one. "
            "Nothing was overwritten: compare the two, then save here again to keep this version."
        )
    changed = [
        name
        for name in ANSWERS
        if name in answers and getattr(access_request, name) != answers[name]
    ]
    for name in changed:
        setattr(access_request, name, answers[name])
    access_request.revision += 1
    access_request.save()
    if named_people is not None and _replace_people(access_request, named_people):
        changed.append("named_people")
    details: dict[str, Any] = {}
    if ethics_document is not None:
        details["ethics_document_sha256"] = _keep(access_request, ethics_document).sha256
    log.record(
        kinds.REQUEST_SAVED,
        by=by,
        on=access_request,
        revision=access_request.revision,
        changed=changed,
        **details,
    )
    return access_request


def _replace_people(
    access_request: AccessRequest, named_people: Sequence[Mapping[str, str]]
) -> bool:
    before = [person.as_value() for person in access_request.named_people.all()]
    if before == list(named_people):
        return False
    access_request.named_people.all().delete()
    NamedPerson.objects.bulk_create(
        NamedPerson(access_request=access_request, **person) for person in named_people
    )
    return True


def _keep(access_request: AccessRequest, upload: Upload) -> EthicsDocument:
    return EthicsDocument.objects.create(
        access_request=access_request,
        name=upload.name,
        content=upload.content,
        size=len(upload.content),
        sha256=sha256(upload.content).hexdigest(),
    )
