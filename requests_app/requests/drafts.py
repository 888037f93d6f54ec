"""Starting a request and saving its answers, until it is signed."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import transaction

from requests_app.audit import kinds, log
from requests_app.datasets.models import Dataset
from requests_app.errors import Conflict, Refused
from requests_app.identity.models import User
from requests_app.requests import answers as answering
from requests_app.requests.completeness import statement_ids
from requests_app.requests.documents import Upload
from requests_app.requests.models import AccessRequest, EthicsDocument, NamedPerson
from requests_app.requests.states import State, Verb
from requests_app.requests.transitions import lock

OPEN_DRAFTS = 5
DOCUMENTS_PER_REQUEST = 20


class Overtaken(Conflict):
    """Another tab or window saved the request after this one had read it."""


@transaction.atomic
def start(*, dataset: Dataset, by: User) -> AccessRequest:
    """Creates an empty draft for `by`, with their name filled in, and its entry.

    A draft of theirs that nobody has saved yet is returned instead, so that pressing twice leaves
    one. Raises Refused when `OPEN_DRAFTS` drafts are waiting already.
    """
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    drafts = AccessRequest.objects.filter(applicant=by, state=State.DRAFT)
    if untouched := drafts.filter(dataset=dataset, revision=0, ethics_documents=None).first():
        return untouched
    if drafts.count() >= OPEN_DRAFTS:
        raise Refused(
            f"You have {OPEN_DRAFTS} drafts already. Finish one of them, or withdraw one you no "
            "longer need, and then start another."
        )
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
) -> AccessRequest:
    """Saves `answers` (names of `answers.ANSWERS`; absent ones stay) and, when given, the people.

    `revision` is the one the form was filled from: Overtaken when another tab saved in between.
    Raises Invalid for formats and lengths, and what `transitions.lock` raises. Effects: the row,
    its people, one entry naming the fields that changed (never their content).
    """
    access_request = lock(access_request_id, Verb.EDIT, by)
    if access_request.revision != revision:
        raise Overtaken(
            "This request was saved in another tab or window after you opened it here. Nothing was "
            "overwritten, and what you typed is still below: compare the two, then save here again "
            "to keep this version."
        )
    kept = answering.clean(answers, statements=statement_ids(access_request))
    people = None if named_people is None else answering.clean_people(named_people)
    changed = [name for name, value in kept.items() if getattr(access_request, name) != value]
    for name in changed:
        setattr(access_request, name, kept[name])
    access_request.revision += 1
    access_request.save()
    if people is not None and _replace_people(access_request, people):
        changed.append("named_people")
    log.record(
        kinds.REQUEST_SAVED,
        by=by,
        on=access_request,
        revision=access_request.revision,
        changed=sorted(changed),
    )
    return access_request


@transaction.atomic
def keep_ethics_document(
    *, access_request_id: UUID | str, by: User, upload: Upload
) -> EthicsDocument:
    """Keeps an uploaded approval at once, whatever becomes of the other answers, and its entry.

    The same file twice is kept once. The revision stays: an upload overwrites no tab's text. Raises
    Refused after `DOCUMENTS_PER_REQUEST` different files, and what `transitions.lock` raises.
    """
    access_request = lock(access_request_id, Verb.EDIT, by)
    digest = sha256(upload.content).hexdigest()
    latest = access_request.latest_ethics_document
    if latest is not None and latest.sha256 == digest:
        return latest
    if access_request.ethics_documents.count() >= DOCUMENTS_PER_REQUEST:
        raise Refused(
            f"{DOCUMENTS_PER_REQUEST} versions of the approval have been uploaded already. "
            "The last one counts; write to the contact of the dataset if it is the wrong one."
        )
    document = EthicsDocument.objects.create(
        access_request=access_request,
        name=upload.name,
        content=upload.content,
        size=len(upload.content),
        sha256=digest,
    )
    log.record(
        kinds.REQUEST_SAVED,
        by=by,
        on=access_request,
        revision=access_request.revision,
        changed=["ethics_document"],
        ethics_document_sha256=digest,
    )
    return document


def _replace_people(access_request: AccessRequest, people: Sequence[Mapping[str, str]]) -> bool:
    before = [person.as_value() for person in access_request.named_people.all()]
    if before == list(people):
        return False
    access_request.named_people.all().delete()
    NamedPerson.objects.bulk_create(
        NamedPerson(access_request=access_request, **person) for person in people
    )
    return True
